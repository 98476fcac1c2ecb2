"""samlify as the tests' SAML identity provider."""

import datetime
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.tenants.sso.node_programs import NodeProgram, running


@dataclass(frozen=True)
class SamlProvider:
    """Its metadata, and answers as a test wants them."""

    program: NodeProgram
    issuer: str
    metadata: str

    def respond(self, service_provider: str, *, person: dict[str, str], request_id: str = "", **more: Any) -> str:
        """A SAMLResponse for a service provider's metadata. `values` replaces parts of it; numbers are seconds from now. `signed` is
        `assertion` (default), `response` or `none`; `privateKey` signs with another key.
        """
        asked = {"metadata": service_provider, "person": person, "requestId": request_id, **more}
        return str(self.program.ask(asked)["response"])

    def serve(self, service_provider: str) -> None:
        """Let its pages, which a browser sees, answer this service provider."""
        self.program.ask({"serviceProvider": service_provider})


@contextmanager
def started() -> Iterator[SamlProvider]:
    """Runs until the block ends."""
    private_key, certificate = key_pair("idp")
    with running("saml.js", {"privateKey": private_key, "certificate": certificate}) as program:
        said = program.hear()
        yield SamlProvider(program, said["issuer"], said["metadata"])


@cache
def key_pair(name: str) -> tuple[str, str]:
    """A private key and a certificate for it, as PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return pem, certificate.public_bytes(Encoding.PEM).decode()
