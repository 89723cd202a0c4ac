"""From raw sensor readings and what is remembered to the readings that the policy sees.

Written once over an array namespace: the environment calls these functions with `jax.numpy`, the
runtime on a robot with `numpy`.
"""

from math import pi
from types import ModuleType
from typing import Any, NamedTuple

from wildrobot_cli.runtime.observing.observations import Readings
from wildrobot_cli.runtime.observing.rotations import up_vector, wrap_angle, yaw

Array = Any

TURN = 2 * pi


class Sensed(NamedTuple):
    """What the sensors of a robot with `n` joints gave at a control step."""

    gyro: Array
    """Angular velocity in the IMU frame [rad/s]. Shape (3,)."""
    orientation: Array
    """Quaternion w x y z, IMU to world. Shape (4,)."""
    encoders: Array
    """Joint angles as the encoders give them [rad]. Shape (n,)."""
    last_encoders: Array
    """The readings before these [rad]. Shape (n,)."""
    elapsed: Array | float
    """Time between the two [s]. Shape () or (n,)."""


class Memory(NamedTuple):
    """What a robot remembers from one control step to the next."""

    command: Array
    """Forward and leftward velocity [m/s], turning rate [rad/s]. Shape (3,)."""
    heading_target: Array
    """Integral of the commanded turning rate [rad]. Shape ()."""
    phase: Array
    """Phase of the left foot [rad]. Shape ()."""
    last_action: Array
    """The action of the previous control step. Shape (n,)."""


def assemble(
    sensed: Sensed, memory: Memory, home: Array, heading_joint: int | None, xp: ModuleType
) -> Readings:
    """Return what the policy's observation terms read.

    Args:
        sensed: this step's sensor readings.
        memory: what is remembered.
        home: joint angles of the home pose [rad]. Shape (n,).
        heading_joint: index of the yaw joint between root and IMU, if there is one.
        xp: numpy or jax.numpy.
    """
    heading = root_heading(sensed.orientation, sensed.encoders, heading_joint, xp)
    return Readings(
        gyro=sensed.gyro,
        up=up_vector(sensed.orientation, xp),
        heading_error=wrap_angle(memory.heading_target - heading, xp),
        command=memory.command,
        phase=memory.phase,
        joint_positions=sensed.encoders - home,
        joint_velocities=(sensed.encoders - sensed.last_encoders) / sensed.elapsed,
        last_action=memory.last_action,
    )


def root_heading(
    orientation: Array, encoders: Array, heading_joint: int | None, xp: ModuleType
) -> Array:
    """Heading of the root: the IMU's, less the yaw joint between them [rad]. Shape ()."""
    waist = 0.0 if heading_joint is None else encoders[..., heading_joint]
    return yaw(orientation, xp) - waist


def oldest_readings(read_at: Array, count: int, xp: ModuleType) -> Array:
    """Which joints a slow bus asks next: those read longest ago, the first of equals. (count,).

    Args:
        read_at: when each joint was last read, in control periods. Shape (n,).
        count: how many the bus has time for.
        xp: numpy or jax.numpy.
    """
    return xp.argsort(read_at, stable=True)[:count]


def renewed(before: Sensed, encoders: Array, periods: Array, xp: ModuleType) -> Sensed:
    """Take new encoder readings; joints that were not read again keep angle and speed.

    Args:
        before: what was known.
        encoders: the readings [rad]. Shape (n,).
        periods: time since each joint's last reading, 0 where it was not read [s]. Shape (n,).
        xp: numpy or jax.numpy.
    """
    fresh = periods > 0
    return before._replace(
        encoders=xp.where(fresh, encoders, before.encoders),
        last_encoders=xp.where(fresh, before.encoders, before.last_encoders),
        elapsed=xp.where(fresh, periods, before.elapsed).astype(encoders.dtype),
    )


def advance_phase(phase: Array, frequency: Array | float, dt: float) -> Array:
    """Phase after `dt` seconds, wrapped to [0, 2 pi) [rad]. Shape () -> ()."""
    return (phase + TURN * frequency * dt) % TURN


def advance_heading(target: Array, command: Array, dt: float) -> Array:
    """Heading asked for after `dt` seconds of a command's turning rate [rad]. Shape () -> ()."""
    return target + command[..., 2] * dt
