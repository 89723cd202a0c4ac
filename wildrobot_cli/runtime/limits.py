"""What may be written to the servos, and what may be asked of the policy."""

import numpy as np

from wildrobot_cli.errors import ConfigError
from wildrobot_cli.runtime.description import Description

COMMANDS = ("forward", "left", "turn")
"""What a command's numbers are called [m/s, m/s, rad/s]."""


class TargetLimits:
    """Holds joint targets within the joints' reach, speed and range, in that order.

    Targets within the limits pass unchanged, to the bit.
    """

    def __init__(self, description: Description) -> None:
        """Take the limits of a bundle."""
        joints, safety = description.joints, description.safety
        reach = safety.torque_reach * joints.torque_limit / joints.kp
        self._reach = reach.astype(np.float32)
        self._step = np.float32(safety.target_rate * description.control_period)
        self._lower = joints.lower.astype(np.float32)
        self._upper = joints.upper.astype(np.float32)

    def __call__(
        self, targets: np.ndarray, last: np.ndarray | None, encoders: np.ndarray
    ) -> np.ndarray:
        """Return targets that may be written. Shapes (n,) [rad].

        Args:
            targets: wanted, finite.
            last: written before; None where nothing was.
            encoders: the joints' angles.
        """
        targets = np.minimum(np.maximum(targets, encoders - self._reach), encoders + self._reach)
        if last is not None:
            targets = np.minimum(np.maximum(targets, last - self._step), last + self._step)
        return np.minimum(np.maximum(targets, self._lower), self._upper)


def check_command(description: Description, command: np.ndarray) -> None:
    """Raise `ConfigError` when a command is outside what the policy was trained for. Shape (3,)."""
    ranges = zip(description.commands.lowest, description.commands.highest, strict=True)
    for name, value, (low, high) in zip(COMMANDS, command, ranges, strict=True):
        if not low <= value <= high:
            raise ConfigError(
                f"command: {name} {value:g}: the policy was trained for {low:g} .. {high:g}"
            )


class CommandGate:
    """Holds velocity commands within what the policy was trained for, and ramps their changes."""

    def __init__(self, description: Description) -> None:
        """Start at rest, or at the slowest that was trained."""
        commands = description.commands
        self._lowest, self._highest = commands.lowest, commands.highest
        self._step = commands.ramp * description.control_period
        self._now = np.clip(np.zeros(3), self._lowest, self._highest)

    def __call__(self, asked: np.ndarray) -> np.ndarray:
        """Return the command of this control step. Shape (3,) [m/s, m/s, rad/s].

        What is not a number asks for nothing new: the last command stays.
        """
        asked = np.where(np.isfinite(asked), asked, self._now)
        wanted = np.clip(asked, self._lowest, self._highest)
        self._now = self._now + np.clip(wanted - self._now, -self._step, self._step)
        return self._now.copy()
