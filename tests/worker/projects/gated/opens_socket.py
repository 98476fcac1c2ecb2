import socket

import dagster as dg

listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen()
client = socket.create_connection(listener.getsockname())


@dg.asset
def uses_connection():
    return client.fileno()


defs = dg.Definitions([uses_connection])
