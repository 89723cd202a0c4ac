"""Ending on a signal as on Ctrl-C: what was begun beside the user's files is removed.

Imported before anything else is, so it needs nothing.
"""

import signal
import sys
import time
from types import FrameType
from typing import Any, NoReturn

ENDING = (signal.SIGTERM, signal.SIGHUP)
"""A wish to end, and a terminal that closed."""
SETTLE = 0.3
"""Signals that follow one within this time are the same wish, sent twice [s]."""
AGAIN = 0.01
"""How long after its end was lost a program ends again [s]."""

_heard: list[float] = []
"""When it was asked to end [s]."""


def end_on_signals() -> None:
    """From here on end by `SystemExit`; what was to be ignored (by nohup) still is."""
    for number in ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end)
    sys.unraisablehook = _lost


def _end(number: int, _: FrameType | None) -> None:
    """End; of two that a closing terminal sends at once the second cuts no cleaning up short."""
    now = time.monotonic()
    if _heard and now - _heard[-1] < SETTLE:
        return
    _heard.append(now)
    sys.exit(128 + number)


def _lost(unraisable: Any) -> None:
    """End again: Python drops what is raised in a destructor, or while it collects garbage."""
    end = unraisable.exc_value
    if not isinstance(end, (SystemExit, KeyboardInterrupt)):
        sys.__unraisablehook__(unraisable)
        return

    def raise_again(_: int, __: FrameType | None) -> NoReturn:
        raise end

    signal.signal(signal.SIGALRM, raise_again)
    signal.setitimer(signal.ITIMER_REAL, AGAIN)
