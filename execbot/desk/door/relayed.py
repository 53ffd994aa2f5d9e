"""An error, carried to another process: a command reports it, exit code included, as if it had met
the error itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from execbot.model.enums import ErrorCategory
from execbot.model.errors import ExecbotError

_WORDS = ("kind", "message", "outcome", "hint", "next_step", "after", "url", "said")


class Relayed(ExecbotError):
    """An error of execbot's own that came about in the watch."""

    category: ErrorCategory = ErrorCategory.FATAL
    outcome: str = "not_sent"
    facts: Mapping[str, Any] = {}
    url: str = ""
    said: str = ""


def carried(error: BaseException) -> dict[str, Any]:
    """What is sent of it: values that JSON has, or that msgspec makes such."""
    common = {
        "in_doubt": bool(getattr(error, "in_doubt", False)),
        "noted": dict(getattr(error, "noted", {})),
    }
    if isinstance(error, ExecbotError):
        words = {name: str(getattr(error, name, "") or "") for name in _WORDS}
        return {**common, **words, "category": str(error.category), "facts": dict(error.facts)}
    os_error = {}
    if isinstance(error, OSError) and error.errno is not None:
        os_error = {"errno": error.errno, "strerror": error.strerror, "filename": error.filename}
    after = str(getattr(error, "after", "") or "")
    return {**common, "type": type(error).__name__, "text": str(error), "after": after, **os_error}


def restored(data: Mapping[str, Any]) -> Exception:
    """The error that was carried; one that is a bug keeps its name."""
    error: Any
    if "kind" in data:
        error = Relayed(str(data.get("message", "")))
        for name in _WORDS:
            setattr(error, name, str(data.get(name, "")))
        error.category = ErrorCategory(data.get("category", ErrorCategory.FATAL))
        error.facts = dict(data.get("facts", {}))
    elif "errno" in data:
        error = OSError(data["errno"], data["strerror"], data.get("filename"))
        error.after = str(data.get("after", ""))
    else:
        error = type(str(data.get("type") or "Error"), (Exception,), {})(data.get("text", ""))
        error.after = str(data.get("after", ""))
    error.in_doubt = bool(data.get("in_doubt", False))
    error.noted = dict(data.get("noted", {}))
    return error  # type: ignore[no-any-return]
