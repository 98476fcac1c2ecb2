"""The webhooks of a fake host on their way to us: delivered at once, held back, lost, repeated, in another order."""

import http.client
import random
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

# Takes headers and body of a request, and answers with its status.
Receiver = Callable[[Mapping[str, str], bytes], int]


@dataclass
class Delivery:
    """One webhook. `answers` are the statuses that it got, by attempt."""

    event: str
    action: str
    headers: dict[str, str]
    body: bytes
    answers: list[int] = field(default_factory=list)

    @property
    def id(self) -> str:
        return self.headers.get("X-GitHub-Delivery") or self.headers["Idempotency-Key"]


def to_url(url: str) -> Receiver:
    """A receiver that posts to an address."""
    parts = urlsplit(url)

    def post(headers: Mapping[str, str], body: bytes) -> int:
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=200)
        try:
            connection.request("POST", parts.path, body, dict(headers))
            return connection.getresponse().status
        finally:
            connection.close()

    return post


class Outbox:
    """All webhooks of a host. Without a `receiver` they wait in `waiting`.

    `holds`: keep them until `release`. `loses(delivery)`: whether one never arrives. `repeats`: how often each is sent.
    """

    def __init__(self) -> None:
        self.receiver: Receiver | None = None
        self.holds = False
        self.loses: Callable[[Delivery], bool] = lambda _delivery: False
        self.repeats = 1
        self.sent: list[Delivery] = []
        self.lost: list[Delivery] = []
        self.waiting: list[Delivery] = []
        self._lock = threading.Lock()

    def take(self, delivery: Delivery) -> None:
        """Called by the host when something happened."""
        with self._lock:
            if self.loses(delivery):
                self.lost.append(delivery)
                return
            if self.holds or self.receiver is None:
                self.waiting.append(delivery)
                return
        self._deliver(delivery)

    def release(self, *, shuffled_by: int | None = None, reversed_: bool = False) -> None:
        """Deliver what waits; in the order of a seed, or the newest first."""
        with self._lock:
            due, self.waiting = self.waiting, []
        if reversed_:
            due.reverse()
        if shuffled_by is not None:
            random.Random(shuffled_by).shuffle(due)
        for delivery in due:
            self._deliver(delivery)

    def redeliver(self, delivery: Delivery) -> int:
        """Send one again as it was, as an attacker would, or the button at the host. Answers the status."""
        assert self.receiver is not None
        status = self.receiver(delivery.headers, delivery.body)
        delivery.answers.append(status)
        return status

    def _deliver(self, delivery: Delivery) -> None:
        for _time in range(self.repeats):
            self.redeliver(delivery)
        self.sent.append(delivery)


def new_id() -> str:
    return str(uuid.uuid4())
