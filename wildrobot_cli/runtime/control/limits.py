"""What may be written to the servos, and what may be asked of the policy."""

import numpy as np

from wildrobot_cli.errors import ConfigError
from wildrobot_cli.runtime.bundles.description import Description

ROUNDING = 1e-5
"""How far single precision may carry a target over a limit [rad]."""
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
            last: written before; None where nothing was: then the joints' angles are the start.
            encoders: the joints' angles.
        """
        for low, high in self._stages(last, encoders).values():
            targets = np.minimum(np.maximum(targets, low), high)
        return targets

    def held(
        self, targets: np.ndarray, last: np.ndarray | None, encoders: np.ndarray
    ) -> list[tuple[int, str]]:
        """Say which joints' targets are held, each with the limit: `reach`, `speed` or `range`."""
        found = []
        for name, (low, high) in self._stages(last, encoders).items():
            beyond = np.flatnonzero((targets < low) | (targets > high))
            found += [(int(joint), name) for joint in beyond]
            targets = np.minimum(np.maximum(targets, low), high)
        return found

    def _stages(
        self, last: np.ndarray | None, encoders: np.ndarray
    ) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        before = encoders if last is None else last
        return {
            "reach": (encoders - self._reach, encoders + self._reach),
            "speed": (before - self._step, before + self._step),
            "range": (self._lower, self._upper),
        }


class LastCheck:
    """The last look at targets before they are written; it trusts nothing that came before it."""

    def __init__(self, description: Description) -> None:
        """Take the limits of a bundle."""
        self._names = description.joints.names
        self._lower = description.joints.lower - ROUNDING
        self._upper = description.joints.upper + ROUNDING
        self._rate = description.safety.target_rate
        self._step = self._rate * description.control_period + ROUNDING

    def __call__(self, targets: np.ndarray, before: np.ndarray | None) -> str | None:
        """Return why targets must not be written, if there is a reason. Shapes (n,) [rad].

        Args:
            targets: about to be written.
            before: written last; where nothing was, the joints' angles, if they are known.
        """
        if before is None:
            return "where the joints are is not known"
        inside = (targets >= self._lower) & (targets <= self._upper)
        slow = np.abs(targets - before) <= self._step
        if inside.all() and slow.all():  # what is not a number is neither
            return None
        for name, target, within, calm in zip(self._names, targets, inside, slow, strict=True):
            if not np.isfinite(target):
                return f"joint '{name}': the target is not a number"
            if not within:
                return f"joint '{name}': the target {target:.3f} rad is outside its range"
            if not calm:
                return f"joint '{name}': the target changes faster than {self._rate:g} rad/s"
        return None


def check_command(description: Description, command: np.ndarray) -> None:
    """Raise `ConfigError` when a command is outside what the policy was trained for. Shape (3,)."""
    lowest, highest = description.commands.lowest, description.commands.highest
    ranges = zip(COMMANDS, lowest, highest, strict=True)
    trained = ", ".join(f"{name} {low:g} .. {high:g}" for name, low, high in ranges)
    if not command.any() and ((lowest > 0) | (highest < 0)).any():
        raise ConfigError(
            f"command: the policy was never trained to stand still: give it a velocity ({trained})"
        )
    for name, value, low, high in zip(COMMANDS, command, lowest, highest, strict=True):
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

    @property
    def now(self) -> np.ndarray:
        """The command in force. Shape (3,) [m/s, m/s, rad/s]."""
        return self._now.copy()

    def refuses(self, asked: np.ndarray) -> list[str]:
        """Say what of a command is not followed: what was not trained, or is not a number."""
        ranges = zip(COMMANDS, asked, self._lowest, self._highest, strict=True)
        return [
            f"{name} {value:g} is held within {low:g} .. {high:g}"
            for name, value, low, high in ranges
            if not low <= value <= high
        ]

    def __call__(self, asked: np.ndarray) -> np.ndarray:
        """Return the command of this control step. Shape (3,) [m/s, m/s, rad/s].

        What is not a number asks for nothing new: the last command stays.
        """
        asked = np.where(np.isfinite(asked), asked, self._now)
        wanted = np.clip(asked, self._lowest, self._highest)
        self._now = self._now + np.clip(wanted - self._now, -self._step, self._step)
        return self._now.copy()
