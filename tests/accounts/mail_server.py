"""A mail server on this machine, which speaks SMTP and keeps what it is given."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any


class MailServer(socketserver.ThreadingTCPServer):
    """`mails` holds what came; `refuses` is an answer to give to every recipient instead of 250, such as `550 no such box`."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.mails: list[EmailMessage] = []
        self.logins: list[str] = []
        self.refuses: str | None = None

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.server_address[1]}?tls=off"


class _Conversation(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        self._say("220 mail.example ready")
        while line := self.rfile.readline().decode().strip():
            verb = line.split(maxsplit=1)[0].upper()
            if verb == "QUIT":
                self._say("221 bye")
                return
            self._answer(verb, line)

    def _answer(self, verb: str, line: str) -> None:
        match verb:
            case "EHLO":
                self._say("250-mail.example")
                self._say("250 AUTH PLAIN")
            case "AUTH":
                self.server.logins.append(line.split()[2])
                self._say("235 welcome")
            case "RCPT" if self.server.refuses:
                self._say(self.server.refuses)
            case "DATA":
                self._say("354 go on")
                self.server.mails.append(self._mail())
                self._say("250 kept")
            case _:
                self._say("250 ok")

    def _mail(self) -> Any:
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            lines.append(line[1:] if line.startswith(b"..") else line)
        return message_from_bytes(b"".join(lines), policy=policy.default)

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


@contextmanager
def mail_server() -> Iterator[MailServer]:
    """Runs until the block ends."""
    with MailServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(5)
