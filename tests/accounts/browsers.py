"""Browsers of people who sign in, each from an address of its own: limits count by address, and tests share the counters."""

import re
import uuid
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from itertools import count
from typing import Any

from django.test import Client

from tenants.accounts.models import OutgoingMail
from tenants.accounts.sealing import open_personal
from tests.cast import PASSWORD

_ADDRESSES = count(int(IPv4Address("10.0.0.1")) + uuid.uuid4().int % 2**20)


@dataclass
class Browser:
    """A browser at a network address nobody else has."""

    address: str = field(default_factory=lambda: str(IPv4Address(next(_ADDRESSES))))
    user_agent: str = "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"
    client: Client = field(default_factory=lambda: Client(raise_request_exception=False))

    def get(self, path: str, **data: Any) -> Any:
        return self.client.get(path, data, **self._from())

    def post(self, path: str, **data: Any) -> Any:
        return self.client.post(path, data, **self._from())

    def sign_in(self, email: str, password: str = PASSWORD, **more: Any) -> Any:
        return self.post("/sign-in", login=email, password=password, **more)

    @property
    def is_signed_in(self) -> bool:
        return self.get("/account").status_code == 200

    def confirm(self, password: str = PASSWORD) -> Any:
        """Prove once more who this is."""
        return self.post("/account/reauthenticate", password=password)

    def _from(self) -> dict[str, Any]:
        return {"REMOTE_ADDR": self.address, "HTTP_USER_AGENT": self.user_agent}


def new_email() -> str:
    return f"{uuid.uuid4().hex[:12]}@people.example"


def mails_to(email: str) -> list[tuple[str, str]]:
    """Subject and text of the mails that wait for an address, oldest first."""
    rows = OutgoingMail.objects.filter(recipient=email).order_by("id")
    return [(row.subject, open_personal("mail", bytes(row.sealed))) for row in rows]


def link_in(text: str) -> str:
    """The path of the one link of ours in a mail."""
    (found,) = re.findall(r"http://testserver(/\S+)", text)
    return str(found)
