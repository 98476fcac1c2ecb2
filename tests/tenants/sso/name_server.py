"""A DNS server that answers TXT queries with what a test says, over UDP on this machine."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import dns.message
import dns.rcode
import dns.rrset


class NameServer:
    """`records` maps a domain to its TXT records; `is_broken` makes every answer SERVFAIL."""

    def __init__(self, port: int) -> None:
        self.address = f"127.0.0.1:{port}"
        self.records: dict[str, list[str]] = {}
        self.is_broken = False

    def answer(self, query: bytes) -> bytes:
        asked = dns.message.from_wire(query)
        reply = dns.message.make_response(asked)
        name = asked.question[0].name.to_text(omit_final_dot=True)
        if self.is_broken:
            reply.set_rcode(dns.rcode.SERVFAIL)
        elif name not in self.records:
            reply.set_rcode(dns.rcode.NXDOMAIN)
        elif self.records[name]:
            texts = [f'"{text}"' for text in self.records[name]]
            reply.answer.append(dns.rrset.from_text(f"{name}.", 60, "IN", "TXT", *texts))
        return reply.to_wire()


@contextmanager
def name_server() -> Iterator[NameServer]:
    """Runs until the block ends."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        server = NameServer(udp.getsockname()[1])
        ended = threading.Event()

        def serve() -> None:
            while not ended.is_set():
                query, client = udp.recvfrom(4096)
                if query:
                    udp.sendto(server.answer(query), client)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            ended.set()
            udp.sendto(b"", udp.getsockname())
            thread.join(5)
