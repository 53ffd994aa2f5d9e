"""The doors of the exchange: a server with sockets, and a transport inside this process."""
