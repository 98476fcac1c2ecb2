"""What a variable may be called, how large it may be, and what a reference looks like."""

import re

from controlplane.environment.models import SecretStore
from tenants.errors import InvalidError

# Of one full deployment, with its branches.
MAX_VARIABLES = 1000
MAX_NAME = 512
MAX_VALUE_BYTES = 4096
MAX_REFERENCE = 2048

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
# Set by Daggerboard, or by dagster between its own processes.
_RESERVED_PREFIXES = ("DAGSTER_CLOUD_", "DAGGERBOARD_", "DAGSTER_CLI_API_GRPC_")
_RESERVED = frozenset(
    {"DAGSTER_LOCATION_NAME", "DAGSTER_INJECT_ENV_VARS_FROM_INSTANCE", "DAGSTER_INSTANCE_REF"}
    | {"DAGSTER_CURRENT_IMAGE", "DAGSTER_CONTAINER_CONTEXT"}
)
# Where each store keeps a secret; what follows the # is a key of it.
_REFERENCES = {
    SecretStore.AWS_SECRETS_MANAGER: (
        re.compile(r"arn:aws[\w-]*:secretsmanager:[\w-]+:\d{12}:secret:[\w/+=.@-]+(#.+)?", re.ASCII),
        "arn:aws:secretsmanager:eu-west-1:123456789012:secret:warehouse-AbCdEf#password (without # for the whole secret)",
    ),
    SecretStore.VAULT: (
        re.compile(r"[^\s/#]+(/[^\s/#]+)+#.+"),
        "secret/team/warehouse#password: the mount, the path in it, and the field",
    ),
    SecretStore.KUBERNETES: (
        re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?/)?[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?#[\w.-]+", re.ASCII),
        "warehouse#password, or data/warehouse#password for another namespace than the agent's",
    ),
}


def check_name(name: str) -> None:
    """InvalidError when no variable can be called this."""
    if not name or len(name) > MAX_NAME or not _NAME.fullmatch(name):
        raise InvalidError(
            f"{name[:60]!r} is no name of a variable: 1 to {MAX_NAME} letters, digits and underscores, no digit first.",
            attr="name",
        )
    if name in _RESERVED or name.startswith(_RESERVED_PREFIXES):
        raise InvalidError(f"{name} is set by Daggerboard or dagster itself. Choose another name.", attr="name")


def check_value(value: str) -> None:
    """InvalidError when it cannot be the value of a variable. The message does not repeat it."""
    size = len(value.encode(errors="surrogatepass"))
    if size > MAX_VALUE_BYTES:
        raise InvalidError(f"A value is at most {MAX_VALUE_BYTES} bytes; this one has {size}.", attr="value")
    if "\0" in value:
        raise InvalidError("No environment variable can hold a NUL character.", attr="value")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise InvalidError("The value is not text that can be written as UTF-8.", attr="value") from error


def check_reference(store: str, reference: str) -> None:
    """InvalidError when no secret of this store is written like that."""
    pattern, example = _REFERENCES[SecretStore(store)]
    if len(reference) > MAX_REFERENCE or not reference.isprintable() or not pattern.fullmatch(reference):
        label = SecretStore(store).label
        raise InvalidError(f"This names no secret of {label}. It looks like {example}.", attr="reference")
