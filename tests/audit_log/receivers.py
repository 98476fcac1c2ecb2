"""Real receivers on this machine: an HTTP server that can be told to fail, and a syslog server over TCP, TLS and UDP."""

import contextlib
import json
import socketserver
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Hook:
    """What a webhook received; answers `status`. `take_and_fail` takes the events and answers with an error all the same."""

    def __init__(self):
        self.status, self.bodies, self.headers, self.refused = 200, [], [], 0
        self.take_and_fail = False

    @property
    def numbers(self):
        return [event["number"] for body in self.bodies for event in json.loads(body)["events"]]


@contextlib.contextmanager
def webhook():
    hook = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if hook.status == 200 or hook.take_and_fail:
                hook.bodies.append(body)
                hook.headers.append(dict(self.headers))
            else:
                hook.refused += 1
            self.send_response(hook.status)
            self.end_headers()

        def log_message(self, *_):
            pass

    with _running(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as port:
        hook.url = f"http://127.0.0.1:{port}/audit?x=1"
        yield hook


class SyslogServer:
    """The messages that came, in order."""

    def __init__(self):
        self.messages = []

    @property
    def numbers(self):
        return [json.loads(text.split("\ufeff", 1)[1])["number"] for text in self.messages]


@contextlib.contextmanager
def syslog(*, tls=None, udp=False, port=0):
    server = SyslogServer()

    class Stream(socketserver.BaseRequestHandler):
        def handle(self):
            connection = tls.wrap_socket(self.request, server_side=True) if tls else self.request
            with contextlib.suppress(OSError), connection.makefile("rb") as file:
                while length := _length(file):
                    server.messages.append(file.read(length).decode())

    class Datagram(socketserver.BaseRequestHandler):
        def handle(self):
            server.messages.append(self.request[0].decode())

    class Tcp(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    kind = socketserver.UDPServer(("127.0.0.1", port), Datagram) if udp else Tcp(("127.0.0.1", port), Stream)
    with _running(kind) as number:
        server.port = number
        yield server


def _length(file):
    digits = b""
    while (one := file.read(1)) not in {b" ", b""}:
        digits += one
    return int(digits or 0)


@contextlib.contextmanager
def _running(server):
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
