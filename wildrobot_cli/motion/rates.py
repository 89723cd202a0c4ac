"""Velocities from poses."""

import numpy as np

from wildrobot_cli.motion.quaternions import conjugate, multiply, to_vector
from wildrobot_cli.runtime.observing.rotations import to_heading_frame, yaw


def differences(
    position: np.ndarray, quaternion: np.ndarray, angles: np.ndarray, fps: float
) -> np.ndarray:
    """Central differences: root velocity, world; root rates, own frame; joint speeds.

    Shapes (T, 3) [m], (T, 4), (T, n) [rad] -> (T, 6 + n) [m/s, rad/s].
    """
    turned = to_vector(multiply(conjugate(quaternion[:-1]), quaternion[1:])) * fps
    rates = np.concatenate([turned[:1], (turned[1:] + turned[:-1]) / 2, turned[-1:]])
    linear = np.gradient(position, 1 / fps, axis=0)
    return np.concatenate([linear, rates, np.gradient(angles, 1 / fps, axis=0)], axis=-1)


def mean_command(position: np.ndarray, quaternion: np.ndarray, fps: float) -> np.ndarray:
    """Mean velocity in the heading frame and mean turning rate. Shape (3,) [m/s, m/s, rad/s]."""
    heading = np.unwrap(yaw(quaternion, np))
    middle = (heading[1:] + heading[:-1]) / 2
    planar = to_heading_frame(np.diff(position[:, :2], axis=0) * fps, middle, np)
    turning = (heading[-1] - heading[0]) * fps / (len(heading) - 1)
    return np.array([*planar.mean(axis=0), turning])
