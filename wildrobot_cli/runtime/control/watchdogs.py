"""Watchdogs: what, seen in a control step, stops the robot."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from wildrobot_cli.runtime.bundles.description import Description
from wildrobot_cli.runtime.control.estimator import Sensors
from wildrobot_cli.runtime.observing.rotations import up_vector


class Trip(NamedTuple):
    """Why the robot was stopped."""

    cause: str
    """One word; docs/runtime.md lists them."""
    detail: str
    """What was seen."""


class Watchdogs:
    """Look at each control step; the first that barks gives the cause."""

    def __init__(self, description: Description) -> None:
        """Take the limits of a bundle."""
        self._safety, self._joints = description.safety, description.joints
        self._torque_steps = description.safety.torque_time / description.control_period
        self.reset()

    def reset(self) -> None:
        """Forget what was seen before."""
        self._missed = 0
        self._loaded = np.zeros(len(self._joints.names), int)

    def check(
        self,
        sensors: Sensors | None,
        implausible: Trip | None,
        last_targets: np.ndarray | None,
        lateness: float,
    ) -> Trip | None:
        """Return why to stop, if there is a reason.

        Args:
            sensors: of this control step; None when none came.
            implausible: what is wrong with them; see `runtime.control.plausibility`.
            last_targets: what the servos follow; None where they follow nothing. Shape (n,) [rad].
            lateness: of this control step [s].
        """
        if lateness > self._safety.missed_deadline:
            return Trip("late", f"a control step began {1000 * lateness:.1f} ms late")
        if sensors is None:
            self._missed += 1
            if self._missed >= self._safety.missed_readings:
                return Trip("missing", f"no sensor reading for {self._missed} control periods")
            return None
        self._missed = 0
        return implausible or next(self._barks(sensors, last_targets), None)

    def _barks(self, sensors: Sensors, last_targets: np.ndarray | None) -> Iterator[Trip]:
        yield from self._silent(sensors)
        yield from self._stale(sensors)
        yield from self._frozen(sensors)
        lean = float(np.arccos(np.clip(up_vector(sensors.orientation, np)[2], -1.0, 1.0)))
        if lean > self._safety.tilt_limit:
            yield Trip("tilt", f"the robot leans by {np.degrees(lean):.0f} degrees")
        if last_targets is not None:
            yield from self._overloaded(last_targets, sensors.encoders)

    def _stale(self, sensors: Sensors) -> Iterator[Trip]:
        ages = sensors.tick - sensors.read_at
        oldest = int(np.argmax(ages))
        if ages[oldest] >= self._safety.stale_joint:
            name = self._joints.names[oldest]
            yield Trip("stale", f"joint '{name}' was not read for {ages[oldest]} control periods")

    def _silent(self, sensors: Sensors) -> Iterator[Trip]:
        worst = int(np.argmax(sensors.unanswered))
        if sensors.unanswered[worst] >= self._safety.missed_readings:
            name, times = self._joints.names[worst], sensors.unanswered[worst]
            yield Trip("servo", f"joint '{name}' did not answer, {times} times in a row")

    def _frozen(self, sensors: Sensors) -> Iterator[Trip]:
        age = sensors.tick - sensors.imu_at
        if age >= self._safety.frozen_imu:
            yield Trip("frozen", f"the IMU repeats itself for {age} control periods")

    def _overloaded(self, targets: np.ndarray, encoders: np.ndarray) -> Iterator[Trip]:
        """A joint that pushes as hard as it can, for too long, is stalled."""
        joints = self._joints
        torque = np.abs(joints.kp * (targets - encoders))
        loaded = torque >= self._safety.torque_share * joints.torque_limit
        self._loaded = np.where(loaded, self._loaded + 1, 0)
        worst = int(np.argmax(self._loaded))
        if self._loaded[worst] > self._torque_steps:
            name, share = joints.names[worst], self._safety.torque_share
            yield Trip("torque", f"joint '{name}' takes {share:.0%} of its torque for too long")
