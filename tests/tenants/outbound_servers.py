"""Real servers on this machine that misbehave as asked, and resolvers that answer as told."""

import contextlib
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator, Sequence


class Answers:
    """A resolver: one answer for each look-up, the last one again and again."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


class Heard:
    """What a server was sent, by connection."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.port = address[1]
        self.requests: list[bytes] = []


@contextlib.contextmanager
def listening(
    serve: Callable[[socket.socket], None], host: str = "127.0.0.1", *, reads_head: bool = True
) -> Iterator[Heard]:
    """A TCP server that reads the head of a request and then does as told."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                self.request.settimeout(60)
                if reads_head:
                    heard.requests.append(_head(self.request))
                serve(self.request)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

    with Server((host, 0), Handler) as server:
        heard = Heard(server.server_address)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield heard
        finally:
            server.shutdown()
            thread.join()


def _head(connection: socket.socket) -> bytes:
    text = b""
    while b"\r\n\r\n" not in text and (piece := connection.recv(4096)):
        text += piece
    return text


def says(text: bytes) -> Callable[[socket.socket], None]:
    """Answers these bytes and closes."""
    return lambda connection: connection.sendall(text)


OK = says(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


def local(server: Heard, path: str = "/") -> str:
    """The address of a server here."""
    return f"http://127.0.0.1:{server.port}{path}"
