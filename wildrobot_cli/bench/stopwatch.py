"""Timing in turns: what is measured works for a moment, then waits until its next turn.

Programs that stand in one comparison take turns, so that a noisy machine disturbs all alike.
"""

import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

TURN = 1.0
"""Least time of a turn [s]."""
WARM_UP = 2
"""Pieces of work before the first turn: a second one may compile again."""


class Finished(BaseException):
    """No more turns are wanted. No `Exception`: programs under measurement may catch those."""


@dataclass
class Stopwatch:
    """Times pieces of work; to be told of each by `done`."""

    on_ready: Callable[[float], None]
    """Given the preparation's time [s] when the warm-up is over; returns when a turn begins."""
    on_turn: Callable[[float], None]
    """Given the speed of a turn [control steps/s]; returns when the next one begins."""
    _pieces: int = 0
    _steps: int = 0
    _preparation: float = 0.0
    _begin: float = field(default_factory=time.perf_counter)

    def done(self, steps: int) -> None:
        """Note that a piece of work is done, of so many control steps over all environments.

        Raises:
            Finished: no more turns are wanted.
        """
        elapsed = time.perf_counter() - self._begin
        self._pieces += 1
        if self._pieces <= WARM_UP:
            self._warm(elapsed)
            return
        self._steps += steps
        if elapsed >= TURN:
            self.report(self._steps / elapsed)

    def report(self, speed: float) -> None:
        """End a turn with a speed that the program itself has measured [control steps/s]."""
        self.on_turn(speed)
        self._steps, self._begin = 0, time.perf_counter()

    def _warm(self, elapsed: float) -> None:
        """The first piece of work holds the preparation; the last of the warm-up is without."""
        if self._pieces == 1:
            self._preparation = elapsed
        if self._pieces == WARM_UP:
            self.on_ready(max(self._preparation - elapsed, 0.0))
        self._begin = time.perf_counter()


def turns(program: Callable[[Stopwatch], None], count: int) -> tuple[float, list[float]]:
    """Give a program so many turns in a row, in this process.

    Returns:
        Its time of preparation [s], and the speed of each turn [control steps/s].
    """
    preparation, speeds = math.nan, []

    def on_ready(seconds: float) -> None:
        nonlocal preparation
        preparation = seconds

    def on_turn(speed: float) -> None:
        speeds.append(speed)
        if len(speeds) == count:
            raise Finished

    with suppress(Finished):
        program(Stopwatch(on_ready, on_turn))
    return preparation, speeds
