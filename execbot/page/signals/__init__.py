"""The way in for signals: `POST /signals`, kept before it is answered, carried out afterwards."""
