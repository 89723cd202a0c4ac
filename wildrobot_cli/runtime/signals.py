"""What signals do to a robot that walks."""

import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

from wildrobot_cli.runtime.ending import SETTLE
from wildrobot_cli.runtime.loop import Loop

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
IGNORED = (signal.SIGTTIN, signal.SIGTTOU)
"""Would suspend a program in the background with its servos under torque."""


@contextmanager
def undisturbed() -> Iterator[None]:
    """Within the block, which must be short, no signal ends the program."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in ENDING}
    try:
        yield
    finally:
        _restore(before)


@contextmanager
def signals(loop: Loop, clock: Callable[[], float] = time.monotonic) -> Iterator[list[int]]:
    r"""Within the block stop the robot on signals; give those that end the run.

    The first Ctrl-C, SIGTERM or SIGHUP is a soft stop. A terminal that closes, or a service
    manager, sends two of them at once: that is one wish. A later one is an impatient owner's, and
    SIGQUIT (Ctrl-\) is another key: both are an emergency stop. Ctrl-Z stops softly and suspends
    nothing. SIGHUP stays ignored where nohup said so.
    """
    caught: list[int] = []
    first: list[float] = []

    def end(number: int, _: FrameType | None) -> None:
        name, now = signal.Signals(number).name, clock()
        loop.quit()
        if number == signal.SIGQUIT or (first and now - first[0] > SETTLE):
            loop.emergency(name)
        elif not first:
            loop.stop("hand", name)
        first.append(now)
        caught.append(number)

    def pause(number: int, _: FrameType | None) -> None:
        loop.stop("hand", signal.Signals(number).name)

    handlers = dict.fromkeys(ENDING, end) | {signal.SIGTSTP: pause}
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        del handlers[signal.SIGHUP]
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    before |= {number: signal.signal(number, signal.SIG_IGN) for number in IGNORED}
    try:
        yield caught
    finally:
        _restore(before)


def _restore(handlers: Mapping[signal.Signals, Any]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)
