"""The ways into the exchange: a server with sockets, and a transport inside this process."""
