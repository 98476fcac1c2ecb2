"""OpenID Connect: discovery, the way to the provider, and an ID token that is verified whole (code flow with PKCE and nonce)."""

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import jwt

from tenants.outbound import Answer, Outbound
from tenants.outbound_rules import OutboundError
from tenants.sealing import open_sealed
from tenants.sso.addresses import ConnectionKey, addresses_of
from tenants.sso.identity import Identity, SsoRefusedError, make_identity
from tenants.sso.models import SsoConnection

SECRET_PURPOSE = "sso-client-secret"
_SCOPE = "openid email profile"
# SECURITY: signatures by keys that only the provider holds; never `none`, never HMAC with the client secret.
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
# How far the provider's clock may be off.
_LEEWAY_SECONDS = 60
_CLAIMS = ("iss", "sub", "aud", "exp", "iat")


@dataclass(frozen=True)
class Provider:
    """What discovery told."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str
    # Whether the client's secret goes into the Authorization header, or else into the form.
    basic: bool


@dataclass(frozen=True)
class Start:
    """Where to send the browser, and what has to be remembered for when it comes back."""

    url: str
    nonce: str
    verifier: str


def discover(connection: SsoConnection) -> Provider:
    """Read the provider's configuration; SsoRefusedError when it is incomplete or of another issuer, OutboundError without an answer."""
    address = f"{connection.issuer.rstrip('/')}/.well-known/openid-configuration"
    answer = Outbound(max_body=256 * 1024).request("GET", address, headers={"Accept": "application/json"})
    if not answer.is_ok:
        raise SsoRefusedError(f"{address} answered with status {answer.status}. Check the issuer.")
    document = _object(answer, address)
    if document.get("issuer") != connection.issuer:
        raise SsoRefusedError(
            f"The provider calls itself {str(document.get('issuer'))[:300]!r}, and this connection's issuer is "
            f"{connection.issuer!r}. Enter the issuer exactly as the provider does."
        )
    methods = document.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    return Provider(
        issuer=connection.issuer,
        authorization_endpoint=_endpoint(document, "authorization_endpoint"),
        token_endpoint=_endpoint(document, "token_endpoint"),
        jwks_uri=_endpoint(document, "jwks_uri"),
        userinfo_endpoint=str(document.get("userinfo_endpoint") or ""),
        basic="client_secret_basic" in methods,
    )


def start(connection: SsoConnection, *, state: str, login_hint: str = "") -> Start:
    """Begin a sign-in."""
    nonce, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    parameters = {
        "response_type": "code",
        "client_id": connection.client_id,
        "redirect_uri": _redirect_uri(connection),
        "scope": _SCOPE,
        "state": state,
        "nonce": nonce,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        **({"login_hint": login_hint} if login_hint else {}),
    }
    endpoint = discover(connection).authorization_endpoint
    return Start(f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(parameters)}", nonce, verifier)


def finish(connection: SsoConnection, *, code: str, nonce: str, verifier: str) -> Identity:
    """Trade the code for an ID token and read who it is about. SsoRefusedError says what is wrong with the answer."""
    provider = discover(connection)
    tokens = _trade(connection, provider, code=code, verifier=verifier)
    claims = verify_id_token(connection, provider, str(tokens.get("id_token") or ""), nonce=nonce)
    if not _claim(claims, connection, "email") and provider.userinfo_endpoint and tokens.get("access_token"):
        claims = {**_userinfo(provider, str(tokens["access_token"]), claims["sub"]), **claims}
    verified = claims.get("email_verified")
    return make_identity(
        subject=_claim(claims, connection, "subject"),
        email=_claim(claims, connection, "email"),
        name=_claim(claims, connection, "name"),
        # Some providers write it as text.
        email_verified=None if verified is None else str(verified).lower() == "true",
        attributes=claims,
    )


def verify_id_token(connection: SsoConnection, provider: Provider, token: str, *, nonce: str) -> dict[str, Any]:
    """The claims of an ID token whose signature, issuer, audience, times and nonce are right; else SsoRefusedError."""
    keys = _object(Outbound(max_body=256 * 1024).request("GET", provider.jwks_uri), provider.jwks_uri)
    try:
        algorithm = str(jwt.get_unverified_header(token).get("alg"))
        if algorithm not in _ALGORITHMS:
            raise SsoRefusedError(f"The ID token is signed by {algorithm[:20]!r}, which is not accepted.")
        claims: dict[str, Any] = jwt.decode(
            token,
            key=_key(keys, jwt.get_unverified_header(token).get("kid"), algorithm),
            algorithms=[algorithm],
            audience=connection.client_id,
            issuer=provider.issuer,
            leeway=_LEEWAY_SECONDS,
            options={"require": list(_CLAIMS)},
        )
    except jwt.PyJWTError as error:
        raise SsoRefusedError(f"The ID token of the provider is not valid: {error}.") from error
    if isinstance(claims["aud"], list) and len(claims["aud"]) > 1 and claims.get("azp") != connection.client_id:
        raise SsoRefusedError("The ID token was made for several clients and not for this one (azp).")
    if not secrets.compare_digest(str(claims.get("nonce") or "").encode(), nonce.encode()):
        raise SsoRefusedError("The ID token belongs to another sign-in (nonce). Begin again.")
    return claims


def _key(keys: Mapping[str, Any], kid: object, algorithm: str) -> jwt.PyJWK:
    fitting = [
        jwk
        for jwk in jwt.PyJWKSet.from_dict(dict(keys)).keys
        if jwk.public_key_use in {None, "sig"} and (kid is None or jwk.key_id == kid)
    ]
    if len(fitting) != 1:
        raise SsoRefusedError(f"The ID token is signed by a key that the provider does not publish ({algorithm}).")
    return fitting[0]


def _trade(connection: SsoConnection, provider: Provider, *, code: str, verifier: str) -> dict[str, Any]:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": _redirect_uri(connection),
        "code_verifier": verifier,
    }
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    secret = _secret(connection)
    if provider.basic:
        pair = f"{quote(connection.client_id, safe='')}:{quote(secret, safe='')}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    else:
        form |= {"client_id": connection.client_id, "client_secret": secret}
    answer = Outbound().request("POST", provider.token_endpoint, headers=headers, body=urlencode(form).encode())
    if not answer.is_ok:
        raise SsoRefusedError(_refusal(answer))
    return _object(answer, provider.token_endpoint)


def _refusal(answer: Answer) -> str:
    try:
        document = answer.json()
        said = f"{document.get('error', '')}: {document.get('error_description', '')}"[:300]
    except (OutboundError, AttributeError):
        said = f"status {answer.status}"
    advice = " Check client id and client secret." if "invalid_client" in said else ""
    return f"The provider did not take the sign-in's code ({said}).{advice}"


def _userinfo(provider: Provider, access_token: str, subject: str) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {access_token}", "Accept": "application/json"}
    answer = Outbound(max_body=256 * 1024).request("GET", provider.userinfo_endpoint, headers=headers)
    document = _object(answer, provider.userinfo_endpoint) if answer.is_ok else {}
    # SECURITY: userinfo of somebody else must never be mixed in (OpenID Connect Core 5.3.2).
    return document if document.get("sub") == subject else {}


def _secret(connection: SsoConnection) -> str:
    if connection.client_secret_sealed is None:
        return ""
    sealed = bytes(connection.client_secret_sealed)
    return open_sealed(connection.org_id, SECRET_PURPOSE, connection.id, sealed).decode()


_DEFAULTS = {"subject": "sub", "email": "email", "name": "name"}


def _claim(claims: Mapping[str, Any], connection: SsoConnection, name: str) -> str:
    value = claims.get(connection.attribute_mapping.get(name) or _DEFAULTS[name])
    return value if isinstance(value, str) else ""


def _endpoint(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str) or not value.startswith(("https://", "http://")):
        raise SsoRefusedError(f"The provider's configuration names no {name}. Check the issuer.")
    return value


def _object(answer: Answer, address: str) -> dict[str, Any]:
    document = answer.json()
    if not isinstance(document, dict):
        raise SsoRefusedError(f"{address} did not answer with a JSON object.")
    return document


def _redirect_uri(connection: SsoConnection) -> str:
    return addresses_of(connection.protocol, ConnectionKey.of(connection)).redirect_uri
