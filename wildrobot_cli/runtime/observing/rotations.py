"""Rotations, written once over an array namespace (`xp` is numpy or jax.numpy).

Quaternions are w x y z, unit length, and turn body-frame vectors into the world frame.
"""

from types import ModuleType
from typing import Any

Array = Any


def wrap_angle(angle: Array, xp: ModuleType) -> Array:
    """Return the same angle in [-pi, pi) [rad]."""
    return (angle + xp.pi) % (2 * xp.pi) - xp.pi


def up_vector(quat: Array, xp: ModuleType) -> Array:
    """World up, in the body frame: the third row of the rotation matrix. Shape (4,) -> (3,)."""
    w, x, y, z = quat[..., 0], quat[..., 1], quat[..., 2], quat[..., 3]
    return xp.stack(
        [2 * (x * z - w * y), 2 * (y * z + w * x), w * w - x * x - y * y + z * z], axis=-1
    )


def yaw(quat: Array, xp: ModuleType) -> Array:
    """Heading: angle of the body's x axis in the world's xy plane [rad]. Shape (4,) -> ()."""
    w, x, y, z = quat[..., 0], quat[..., 1], quat[..., 2], quat[..., 3]
    return xp.arctan2(2 * (x * y + w * z), w * w + x * x - y * y - z * z)


def to_heading_frame(vector: Array, heading: Array, xp: ModuleType) -> Array:
    """Turn a planar world vector into the frame that looks along `heading`. Shape (2,) -> (2,)."""
    c, s = xp.cos(heading), xp.sin(heading)
    x, y = vector[..., 0], vector[..., 1]
    return xp.stack([c * x + s * y, -s * x + c * y], axis=-1)
