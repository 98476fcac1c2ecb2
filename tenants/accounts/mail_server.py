"""Where mail is handed over, as `DAGGERBOARD_EMAIL_URL` says it."""

from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

_PORTS = {"starttls": 587, "on": 465, "off": 25}


@dataclass(frozen=True)
class MailServer:
    """Where mail is handed over. `tls`: `on` from the first byte, `starttls` after a greeting, `off` never."""

    host: str
    port: int
    tls: str
    user: str
    password: str

    @classmethod
    def parse(cls, url: str) -> "MailServer":
        """ValueError, with a sentence, for what is not smtp://user:password@host:port?tls=starttls|on|off."""
        parts = urlsplit(url)
        tls = parse_qs(parts.query).get("tls", ["starttls"])[0]
        if parts.scheme != "smtp" or not parts.hostname or tls not in _PORTS:
            raise ValueError(
                "It must look like smtp://user:password@host:587?tls=starttls, where tls is starttls, on or off."
            )
        return cls(
            host=parts.hostname,
            port=parts.port or _PORTS[tls],
            tls=tls,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
        )
