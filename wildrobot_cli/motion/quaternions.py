"""Quaternions w x y z of unit length, over leading axes."""

import numpy as np

Array = np.ndarray

AXES = {"x": 0, "y": 1, "z": 2}
"""Names of the coordinate axes."""


def multiply(a: Array, b: Array) -> Array:
    """Rotation b, then a. Shapes (..., 4), (..., 4) -> (..., 4)."""
    aw, av, bw, bv = a[..., :1], a[..., 1:], b[..., :1], b[..., 1:]
    w = aw * bw - (av * bv).sum(-1, keepdims=True)
    return np.concatenate([w, aw * bv + bw * av + np.cross(av, bv)], axis=-1)


def conjugate(q: Array) -> Array:
    """The opposite rotation. Shape (..., 4)."""
    return q * np.array([1.0, -1.0, -1.0, -1.0])


def rotate(q: Array, vector: Array) -> Array:
    """Turn vectors. Shapes (..., 4), (..., 3) -> (..., 3)."""
    w, axis = q[..., :1], q[..., 1:]
    half = 2 * np.cross(axis, vector)
    return vector + w * half + np.cross(axis, half)


def to_vector(q: Array) -> Array:
    """Rotation vector, of length at most pi. Shape (..., 4) -> (..., 3) [rad]."""
    q = np.where(q[..., :1] < 0, -q, q)
    sine = np.linalg.norm(q[..., 1:], axis=-1, keepdims=True)
    angle = 2 * np.arctan2(sine, q[..., :1])
    return q[..., 1:] * np.where(sine > 1e-12, angle / np.maximum(sine, 1e-12), 2.0)


def from_vector(vector: Array) -> Array:
    """Rotation by a vector's length about its direction. Shape (..., 3) [rad] -> (..., 4)."""
    angle = np.linalg.norm(vector, axis=-1, keepdims=True)
    return np.concatenate([np.cos(angle / 2), vector * np.sinc(angle / (2 * np.pi)) / 2], axis=-1)


def about(axis: str, angle: Array) -> Array:
    """Rotation about a coordinate axis, by name. Shape (...,) [rad] -> (..., 4)."""
    vector = np.zeros((*np.shape(angle), 3))
    vector[..., AXES[axis]] = angle
    return from_vector(vector)


def slerp(a: Array, b: Array, share: Array) -> Array:
    """Rotation part of the way from a to b, the short way. Shapes (..., 4), (..., 4), (...,)."""
    way = to_vector(multiply(conjugate(a), b))
    return multiply(a, from_vector(way * np.asarray(share)[..., None]))
