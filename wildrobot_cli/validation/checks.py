"""One checked property, with what was measured."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """A property of a robot or an environment that holds or does not."""

    name: str
    """What is checked."""
    passed: bool
    """Whether it holds."""
    measured: str
    """What was found."""
    expected: str
    """What had to be found."""
