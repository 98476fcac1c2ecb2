"""Free ports on the loopback address."""

import errno
import random
import socket

LOOPBACK = "127.0.0.1"
_SERVER_PORTS = range(20000, 32000)


def port_is_free(port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Servers set this too: a port whose old connections linger in TIME_WAIT is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def free_port() -> int:
    """One that stays free for us: below the range from which systems take the near end of connections (32768 and above, RFC 6335's
    dynamic ports included), so that no passing connection holds it when a server comes back to it.
    """
    for port in random.sample(_SERVER_PORTS, len(_SERVER_PORTS)):
        if port_is_free(port):
            return port
    raise OSError(errno.EADDRINUSE, "no free port on 127.0.0.1")
