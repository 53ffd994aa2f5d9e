"""Ctrl-C and SIGTERM, from a command's first lines to its last: a person sees what is known of the
order, never where in the program it was.

While a command starts and while it ends there is nobody to tell it: Ctrl-C is kept, and told as
soon as there is; a second one ends the process. In between it is a KeyboardInterrupt, but never in
the middle of an import: Python's own import calls back where an exception is printed and lost. It
is put off then, and comes before an order leaves (`look`).
"""

from __future__ import annotations

import os

TYPE_CHECKING = False  # that of `typing`, which would be loaded before Ctrl-C is heard

if TYPE_CHECKING:
    import signal
    from types import FrameType
    from typing import NoReturn
else:
    import _signal as signal  # the same without enums, which would be loaded before that, too

INTERRUPTED = 130
IMPORTING = "<frozen importlib._bootstrap>"
LOOK_AGAIN_SECONDS = 0.001
"""After so long an interrupt that came in the middle of an import is tried again."""


class _Kept:
    """The state of this process. `code`: what it ends with at the second interrupt."""

    is_on = False
    has_come = False
    is_put_off = False
    code = INTERRUPTED


def keep(code: int = INTERRUPTED) -> None:
    """From here on an interrupt is kept; a second one ends the process with `code`. A signal that a
    command has left to the system stays there."""
    _Kept.is_on, _Kept.has_come, _Kept.code = True, False, code
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)


def tell() -> None:
    """From here on somebody tells it. Raises KeyboardInterrupt for one that was kept."""
    signal.signal(signal.SIGTERM, _interrupt)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)
    _Kept.is_on = False
    if _Kept.has_come:
        _Kept.has_come = False
        raise KeyboardInterrupt


def look() -> None:
    """Called before an order is sent. Raises KeyboardInterrupt for one that was put off."""
    if _Kept.is_put_off:
        _raise()


def let_go() -> None:
    """Whoever ran a command inside a program of their own hears Ctrl-C again."""
    _Kept.is_on = _Kept.has_come = _Kept.is_put_off = False


def _interrupt(number: int, frame: FrameType | None) -> None:
    is_again = number == signal.SIGALRM
    if is_again and (_Kept.is_on or not _Kept.is_put_off):
        return  # it was raised meanwhile, or the command is over
    if _Kept.is_on:
        if _Kept.has_come:
            os._exit(_Kept.code)
        _Kept.has_come = True
    elif _is_importing(frame):
        _Kept.is_put_off = True
        signal.signal(signal.SIGALRM, _interrupt)
        signal.setitimer(signal.ITIMER_REAL, LOOK_AGAIN_SECONDS)
    else:
        _raise()


def _raise() -> NoReturn:
    _Kept.is_put_off = False
    raise KeyboardInterrupt


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename == IMPORTING:
            return True
        frame = frame.f_back
    return False
