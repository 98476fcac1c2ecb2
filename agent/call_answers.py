"""What a code worker answered to a call, as it may leave this machine: without secrets, the error told from the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from agent.protocol import ErrorInfo

if TYPE_CHECKING:
    from agent.masks import Masks

# What is acted on, not read by people: masked, it would be something else.
_ACTED_ON = ("requests", "cursor", "dynamic_partitions", "run_config", "tags", "keys")


def outcome(op: str, answer: bytes, masks: Masks) -> tuple[Any, ErrorInfo | None]:
    """Answer the result and the error of a call; an error may come with a result, such as the log of what led to it."""
    masked = masks.encoded(answer)
    if masked is not answer:
        error = _secret_acted_on(op, msgspec.json.decode(answer), masks)
        if error is not None:
            return _rest(msgspec.json.decode(masked)), error
    decoded = msgspec.json.decode(masked)
    if not isinstance(decoded, dict) or "error" not in decoded:
        return msgspec.Raw(masked), None
    return _rest(decoded), _error_info(decoded["error"])


def _secret_acted_on(op: str, decoded: Any, masks: Masks) -> ErrorInfo | None:
    if not isinstance(decoded, dict) or "error" in decoded:
        return None
    for part in _ACTED_ON:
        if part in decoded and masks.json(decoded[part]) != decoded[part]:
            shown = ", ".join(masks.names_in(decoded[part]))
            message = (
                f"The answer of {op} has the value of a secret environment variable ({shown}) in its {part}. Secrets do not leave "
                "this machine, and without it the answer would mean something else. Let the run read the variable itself "
                "(dagster.EnvVar), or store it as not secret."
            )
            return ErrorInfo(cls="SecretInAnswerError", message=message)
    return None


def _rest(decoded: dict[str, Any]) -> dict[str, Any] | None:
    return {name: decoded[name] for name in ("log", "unsupported") if decoded.get(name)} or None


def _error_info(error: Any) -> ErrorInfo:
    try:
        return msgspec.convert(error, ErrorInfo)
    except msgspec.ValidationError:
        return ErrorInfo(message=str(error))
