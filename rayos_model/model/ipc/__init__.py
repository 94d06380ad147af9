"""Communication between clients and compositor: sockets, pipes, and sizes of messages."""
