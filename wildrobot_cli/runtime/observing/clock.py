"""The phase clock's frequency: constant, or as a reference motion has it at a speed."""

from types import ModuleType
from typing import Any, NamedTuple

Array = Any


class Clock(NamedTuple):
    """Gait cycles a second by commanded speed; one entry is a constant."""

    speeds: tuple[float, ...]
    """Planar speeds, growing [m/s]."""
    frequencies: tuple[float, ...]
    """Gait cycles (two steps) a second at each [Hz]."""

    @property
    def longest_period(self) -> float:
        """Of a gait cycle, at any speed [s]."""
        return 1.0 / min(self.frequencies)


def frequency_at(clock: Clock, command: Array, xp: ModuleType) -> Array:
    """Gait cycles a second that go with a command [m/s, m/s, rad/s]. Shape (3,) -> () [Hz].

    A clock of several speeds stands still where the command is to stand still.
    """
    if len(clock.speeds) == 1:
        return clock.frequencies[0]
    speed = xp.sqrt(command[0] ** 2 + command[1] ** 2)
    frequency = xp.interp(speed, xp.asarray(clock.speeds), xp.asarray(clock.frequencies))
    return xp.where(xp.abs(command).sum() > 0, frequency, 0.0)
