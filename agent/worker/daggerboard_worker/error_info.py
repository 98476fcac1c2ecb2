"""Exceptions and dagster's SerializableErrorInfo as the contract's ErrorInfo."""

import sys
import traceback
from pathlib import Path
from typing import Any

from daggerboard_worker.bounds import ERROR_BYTES, MESSAGE_BYTES, clean_text, exceeds, text_of
from daggerboard_worker.errors import DaggerboardError
from daggerboard_worker.startup import WORKER_ROOT

# A chain of causes longer than this is a loop or a joke.
CHAIN_LENGTH = 10

Json = dict[str, Any]


def error_info(error: Any, *, budget: int = ERROR_BYTES, links: int = CHAIN_LENGTH) -> Json | None:
    """From dagster's SerializableErrorInfo."""
    if error is None:
        return None
    message = clean_text(error.message, min(MESSAGE_BYTES, budget))
    stack, spent = bounded_stack(list(error.stack or []), budget // 2)
    left = (budget - spent - len(message.encode())) // 2
    more = links > 0 and left > 0
    info: Json = {
        "cls": clean_text(error.cls_name, 500) if error.cls_name else None,
        "message": message,
        "stack": stack,
        "cause": error_info(error.cause, budget=left, links=links - 1) if more else None,
        "context": error_info(getattr(error, "context", None), budget=left, links=links - 1) if more else None,
    }
    if len(stack) < len(error.stack or []) or exceeds(error.message, len(message.encode())):
        info["truncated"] = True
    return info


def bounded_stack(frames: list[str], budget: int) -> tuple[list[str], int]:
    """The innermost frames that fit: they are the ones that say what happened."""
    kept: list[str] = []
    spent = 0
    for frame in reversed(frames):
        text = clean_text(frame, 64 * 1024)
        spent += len(text.encode())
        if spent > budget:
            break
        kept.append(text)
    return kept[::-1], min(spent, budget)


def load_error_info(error: BaseException) -> Json | None:
    """The error of a failed import as the user would see it: from the first line of their own code on."""
    cause = error.__cause__
    if type(error).__name__ == "DagsterImportError" and cause is not None and has_user_frames(cause):
        error = cause
    return exception_info(error, links=CHAIN_LENGTH)


def exception_info(error: BaseException, *, links: int = CHAIN_LENGTH) -> Json:
    cause = error.__cause__ if links else None
    context = error.__context__ if links and not error.__suppress_context__ and cause is None else None
    stack, _ = bounded_stack(user_frames(error), ERROR_BYTES // 4)
    return {
        "cls": type(error).__name__,
        "message": text_of(message_of(error), ERROR_BYTES // 4),
        "stack": stack,
        "cause": exception_info(cause, links=min(links, 4) - 1) if cause else None,
        "context": exception_info(context, links=min(links, 4) - 1) if context else None,
    }


def message_of(error: BaseException) -> str:
    """As Python prints it; our own without the name of our module, which means nothing to people."""
    text = "".join(traceback.format_exception_only(type(error), error))
    return text.removeprefix(f"{type(error).__module__}.") if isinstance(error, DaggerboardError) else text


def has_user_frames(error: BaseException) -> bool:
    frames = traceback.extract_tb(error.__traceback__)
    return any(not is_import_machinery(frame) and not is_framework(frame) for frame in frames)


def user_frames(error: BaseException) -> list[str]:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not is_import_machinery(frame)]
    first = next((index for index, frame in enumerate(frames) if not is_framework(frame)), None)
    # Where no line of the user's has a part in it, dagster's own say what it was about.
    others = [frame for frame in frames if not frame.filename.startswith(WORKER_ROOT)]
    return traceback.StackSummary.from_list(others if first is None else frames[first:]).format()


def without_framework(stack: list[str]) -> list[str]:
    """A stack of dagster's from the user's first frame on; whole where the user has none."""
    lines = [frame.lstrip().removeprefix('File "') for frame in stack]
    first = next((index for index, line in enumerate(lines) if not line.startswith(framework_roots())), None)
    return stack if first is None else stack[first:]


def is_import_machinery(frame: traceback.FrameSummary) -> bool:
    return frame.filename.startswith("<frozen importlib") or frame.filename.endswith("/importlib/__init__.py")


def is_framework(frame: traceback.FrameSummary) -> bool:
    return frame.filename.startswith(framework_roots())


def framework_roots() -> tuple[str, ...]:
    roots = [WORKER_ROOT]
    for name in ("dagster", "dagster_shared"):
        file = getattr(sys.modules.get(name), "__file__", None)
        if file:
            roots.append(str(Path(file).parent) + "/")
    return tuple(roots)
