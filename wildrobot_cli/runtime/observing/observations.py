"""What the policy sees, written once for training and for the robot.

Each term is one named reading; a term takes the readings and returns a vector. The
environment calls these functions with `jax.numpy`, the runtime on a robot with `numpy`, so
what trains and what runs cannot drift apart. This module needs numpy alone.
"""

from collections.abc import Callable, Iterable, Mapping
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

Array = Any


class Readings(NamedTuple):
    """What a robot with `n` joints knows at one control step, from its own sensors and memory."""

    gyro: Array
    """Angular velocity in the IMU frame [rad/s]. Shape (3,)."""
    up: Array
    """World up in the IMU frame, unit length. Shape (3,)."""
    heading_error: Array
    """Commanded minus integrated heading of the root, in [-pi, pi) [rad]. Shape ()."""
    command: Array
    """Forward and leftward velocity [m/s], turning rate [rad/s]. Shape (3,)."""
    phase: Array
    """Phase of the left foot; the right foot is half a cycle later [rad]. Shape ()."""
    joint_positions: Array
    """Joint angles from the home pose, as the encoders give them [rad]. Shape (n,)."""
    joint_velocities: Array
    """Difference quotient of the encoder readings [rad/s]. Shape (n,)."""
    last_action: Array
    """The action of the previous control step. Shape (n,)."""


def gyro(readings: Readings, xp: ModuleType) -> Array:
    """Angular velocity, IMU frame [rad/s]. Shape (3,)."""
    return readings.gyro


def up_vector(readings: Readings, xp: ModuleType) -> Array:
    """World up, IMU frame. Shape (3,)."""
    return readings.up


def heading_error(readings: Readings, xp: ModuleType) -> Array:
    """Commanded minus integrated heading, in [-pi, pi) [rad]. Shape (1,)."""
    return readings.heading_error[..., None]


def command(readings: Readings, xp: ModuleType) -> Array:
    """Commanded velocities [m/s, m/s, rad/s]. Shape (3,)."""
    return readings.command


def phase(readings: Readings, xp: ModuleType) -> Array:
    """Cosine and sine of the left foot's phase; the right foot's are minus these. Shape (2,)."""
    return xp.stack([xp.cos(readings.phase), xp.sin(readings.phase)], axis=-1)


def joint_positions(readings: Readings, xp: ModuleType) -> Array:
    """Joint angles from the home pose [rad]. Shape (n,)."""
    return readings.joint_positions


def joint_velocities(readings: Readings, xp: ModuleType) -> Array:
    """Joint speeds from encoder differences [rad/s]. Shape (n,)."""
    return readings.joint_velocities


def last_action(readings: Readings, xp: ModuleType) -> Array:
    """The previous action. Shape (n,)."""
    return readings.last_action


Term = Callable[[Readings, ModuleType], Array]

TERMS: dict[str, Term] = {
    f.__name__: f
    for f in (
        gyro,
        up_vector,
        heading_error,
        command,
        phase,
        joint_positions,
        joint_velocities,
        last_action,
    )
}


class Meaning(NamedTuple):
    """What the numbers of a term are."""

    unit: str
    """Unit before scaling."""
    frame: str
    """Frame in which they are given."""


MEANINGS: dict[str, Meaning] = {
    "gyro": Meaning("rad/s", "IMU"),
    "up_vector": Meaning("1", "IMU"),
    "heading_error": Meaning("rad", "about the vertical, counter-clockwise"),
    "command": Meaning("m/s, m/s, rad/s", "heading of the root: forward, leftward, turning"),
    "phase": Meaning("1", "cosine and sine of the left foot's phase"),
    "joint_positions": Meaning("rad", "joint, from the home pose"),
    "joint_velocities": Meaning("rad/s", "joint"),
    "last_action": Meaning("1", "joint, in action scales from the home targets"),
}
"""What each term's numbers are, for those who read a bundle."""


def term_sizes(names: Iterable[str], joints: int) -> dict[str, int]:
    """How many numbers each named term gives in a control step, for a robot of so many joints."""
    three, each = np.zeros(3), np.zeros(joints)
    blank = Readings(three, three, np.zeros(()), three, np.zeros(()), each, each, each)
    return {name: TERMS[name](blank, np).size for name in names}


class Part(NamedTuple):
    """How a term enters the observation."""

    scale: float = 1.0
    """Factor on its values."""
    history: int = 0
    """How many earlier control steps of it follow the present one, the newest first."""


def observe(
    parts: Mapping[str, Part], readings: Readings, before: Array | None, xp: ModuleType
) -> Array:
    """Concatenate the named terms and their histories, in the mapping's order.

    Args:
        parts: how each term enters.
        readings: of this control step.
        before: the observation of the control step before, which holds the earlier ones; None at
            the beginning: all has been so for ever. Shape (d,).
        xp: numpy or jax.numpy.

    Returns:
        The observation. Shape (d,).
    """
    values, place = [], 0
    for name, part in parts.items():
        now = TERMS[name](readings, xp) * part.scale
        length = now.shape[-1] * part.history
        earlier = [now] * part.history if before is None else [before[..., place : place + length]]
        values += [now, *earlier]
        place += now.shape[-1] + length
    return xp.concatenate(values, -1)


def quantize(angles: Array, resolution: float, xp: ModuleType) -> Array:
    """Round joint angles to the resolution [rad], unless it is 0. Shape (n,) -> (n,).

    By a product: XLA makes one of a division by a constant, which rounds to another count than
    NumPy's quotient does about once in a hundred thousand angles.
    """
    if resolution == 0:
        return angles
    return xp.round(angles * (1.0 / resolution)) * resolution
