"""From a robot's sensor readings to the policy's observation, one control step after another."""

from typing import NamedTuple

import numpy as np

from wildrobot_cli.runtime.bundles.description import Description
from wildrobot_cli.runtime.observing.clock import frequency_at
from wildrobot_cli.runtime.observing.estimation import (
    Memory,
    Sensed,
    advance_heading,
    advance_phase,
    assemble,
    renewed,
    root_heading,
)
from wildrobot_cli.runtime.observing.observations import observe


class Sensors(NamedTuple):
    """What a robot with n joints gives once a control period."""

    gyro: np.ndarray
    """Angular velocity in the IMU frame [rad/s]. Shape (3,)."""
    orientation: np.ndarray
    """Quaternion w x y z, IMU to world. Shape (4,)."""
    encoders: np.ndarray
    """Joint angles [rad]. Shape (n,)."""
    read_at: np.ndarray
    """The control period in which each joint was last read, counted by the robot. Shape (n,)."""
    tick: int
    """The control period of this reading, by the same count."""
    unanswered: np.ndarray
    """How often in a row each joint was asked in vain. Shape (n,)."""
    imu_at: int
    """The control period in which the IMU last said anything new, by the same count."""


class Estimator:
    """Remembers what the observation needs beside the sensors; in the policy's own precision.

    A control step is `observe`, then `acted`.
    """

    def __init__(self, description: Description) -> None:
        """Take the bundle's description."""
        self._description = description
        self._home = description.joints.home_position.astype(np.float32)
        self._memory: Memory | None = None
        self._observation: np.ndarray | None = None
        self._sensed: Sensed
        self._read_at: np.ndarray

    def start(self, sensors: Sensors) -> None:
        """Begin to walk: from here on the heading is held."""
        encoders = sensors.encoders.astype(np.float32)
        orientation = sensors.orientation.astype(np.float32)
        joint = self._description.heading_joint
        heading = root_heading(orientation, encoders, joint, np)
        idle = np.zeros_like(encoders)
        self._memory = Memory(np.zeros(3, np.float32), heading, np.float32(0), idle)
        elapsed = np.full_like(encoders, self._description.control_period)
        gyro = sensors.gyro.astype(np.float32)
        self._sensed = Sensed(gyro, orientation, encoders, encoders, elapsed)
        self._read_at = sensors.read_at.copy()
        self._observation = None

    def recall(self, phase: float, heading_target: float) -> None:
        """Go on from a clock and a heading to hold that were recorded [rad]."""
        if self._memory is None:
            raise RuntimeError("Estimator.recall before Estimator.start")
        heading = np.float32(heading_target)
        self._memory = self._memory._replace(phase=np.float32(phase), heading_target=heading)

    def observe(self, sensors: Sensors, command: np.ndarray) -> np.ndarray:
        """Return the raw observation. Shape (d,), float32."""
        if self._memory is None:
            raise RuntimeError("Estimator.observe before Estimator.start")
        self._memory = self._memory._replace(command=command.astype(np.float32))
        self._sensed = self._sense(sensors)
        return self._see()

    def acted(self, action: np.ndarray) -> None:
        """Remember the action that was taken, and let the clock and the heading go on."""
        if self._memory is None:
            raise RuntimeError("Estimator.acted before Estimator.start")
        command, heading, phase, _ = self._memory
        period = self._description.control_period
        heading = advance_heading(heading, command, period)
        phase = advance_phase(phase, self._frequency(command), period)
        self._memory = Memory(command, heading, phase, action)

    def coast(self) -> None:
        """Let the clock, the heading and the history go on through a step without sensors."""
        if self._memory is not None:
            self._see()
            self.acted(self._memory.last_action)

    def _see(self) -> np.ndarray:
        """Observe what was last sensed; the next observation's history begins with it."""
        assert self._memory is not None
        joint = self._description.heading_joint
        readings = assemble(self._sensed, self._memory, self._home, joint, np)
        self._observation = observe(self._description.parts, readings, self._observation, np)
        return self._observation

    def _frequency(self, command: np.ndarray) -> float | np.floating:
        """Gait cycles a second under a command [Hz]; interpolated ones in single precision."""
        clock = self._description.clock
        frequency = frequency_at(clock, command, np)
        return frequency if len(clock.speeds) == 1 else np.float32(frequency)

    def _sense(self, sensors: Sensors) -> Sensed:
        """Take new readings; joints that were not read again keep their speed."""
        periods = (sensors.read_at - self._read_at) * self._description.control_period
        self._read_at = sensors.read_at.copy()
        sensed = renewed(self._sensed, sensors.encoders.astype(np.float32), periods, np)
        return sensed._replace(
            gyro=sensors.gyro.astype(np.float32),
            orientation=sensors.orientation.astype(np.float32),
        )
