"""Ctrl-C and SIGTERM as a request to finish the iteration, save and stop."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from wildrobot_cli.errors import WildRobotError


class Interrupted(WildRobotError):
    """A training was asked to stop, and has saved itself."""

    def __init__(self, message: str, signal_number: int) -> None:
        """Carry the shell's exit code for the signal."""
        super().__init__(message)
        self.exit_code = 128 + signal_number


@dataclass
class StopRequest:
    """Whether a signal has asked to stop."""

    signal_number: int | None = None
    """The signal; None as long as there was none."""


@contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """Note the first Ctrl-C or SIGTERM instead of dying of it; the second one acts at once.

    A signal that the process was started to ignore (a background job's Ctrl-C) stays ignored.
    Outside of the main thread, where Python delivers no signals, nothing is changed.
    """
    request = StopRequest()
    previous: dict[int, object] = {}

    def note(number: int, _frame: FrameType | None) -> None:
        request.signal_number = number
        _put_back(previous)

    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is not signal.SIG_IGN:
                previous[number] = signal.signal(number, note)
    except ValueError:
        previous.clear()
    try:
        yield request
    finally:
        _put_back(previous)


def _put_back(handlers: dict[int, object]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)  # type: ignore[arg-type]
    handlers.clear()
