"""What the style of a motion is read from: one function for reference and policy alike.

A window of frames, seen in the heading frame of its last one: root height, tilt, joint angles and
sole positions. No commands, actions or contacts; everything from positions, nothing from sensors.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from wildrobot_cli.motion.soles import Soles
from wildrobot_cli.robot import Robot
from wildrobot_cli.runtime.observing.rotations import to_heading_frame, up_vector, yaw

Array = Any

_PLACE, _HEADING, _HEIGHT, _TILT = slice(0, 2), 2, slice(3, 4), slice(4, 6)
_SOLES, _JOINTS = slice(6, 12), slice(12, None)


@dataclass(frozen=True, eq=False)
class Style:
    """Reads frames and windows of a robot with n joints."""

    robot: Robot
    """The robot."""
    soles: Soles
    """Its legs."""

    @classmethod
    def of(cls, robot: Robot) -> "Style":
        """Prepare to read a robot's motion."""
        return cls(robot, Soles.of(robot))

    @property
    def names(self) -> tuple[str, ...]:
        """What a frame's features are called, 9 + n of them."""
        soles = [f"{side}_sole_{axis}" for side in ("left", "right") for axis in "xyz"]
        return ("height", "tilt_x", "tilt_y", *soles, *self.robot.joint_names)

    def frame(self, qpos: Array, xp: ModuleType) -> Array:
        """What is kept of a frame: place, heading, height, tilt, soles, joints.

        Shape (..., nq) -> (..., 12 + n) [m, rad].
        """
        root = qpos[..., self.robot.root_qpos]
        soles = self.soles.positions(qpos, xp)
        parts = (
            root[..., :2],
            yaw(root[..., 3:], xp)[..., None],
            root[..., 2:3],
            up_vector(root[..., 3:], xp)[..., :2],
            soles.reshape(*soles.shape[:-2], 6),
            qpos[..., self.robot.qpos_ids],
        )
        return xp.concatenate(parts, axis=-1)

    def above(self, frames: Array, height_at: Callable[[Array], Array], xp: ModuleType) -> Array:
        """The same frames with heights above the ground below. Shape (..., 12 + n).

        `height_at` gives the ground's height at places. Shape (..., k, 2) -> (..., k) [m].
        """
        soles = frames[..., _SOLES].reshape(*frames.shape[:-1], 2, 3)
        places = xp.concatenate([frames[..., None, _PLACE], soles[..., :2]], axis=-2)
        ground = height_at(places)
        soles = xp.concatenate([soles[..., :2], soles[..., 2:] - ground[..., 1:, None]], axis=-1)
        parts = (
            frames[..., : _HEIGHT.start],
            frames[..., _HEIGHT] - ground[..., :1],
            frames[..., _TILT],
            soles.reshape(*frames.shape[:-1], 6),
            frames[..., _JOINTS],
        )
        return xp.concatenate(parts, axis=-1)

    def features(self, frames: Array, xp: ModuleType) -> Array:
        """Features of a window of H frames. Shape (..., H, 12 + n) -> (..., H * (9 + n))."""
        last = frames[..., -1:, :]
        soles = frames[..., _SOLES].reshape(*frames.shape[:-1], 2, 3)
        apart = soles[..., :2] - last[..., None, _PLACE]
        level = to_heading_frame(apart, last[..., None, _HEADING], xp)
        soles = xp.concatenate([level, soles[..., 2:]], axis=-1)
        soles = soles.reshape(*frames.shape[:-1], 6)
        parts = (frames[..., _HEIGHT], frames[..., _TILT], soles, frames[..., _JOINTS])
        features = xp.concatenate(parts, axis=-1)
        return features.reshape(*features.shape[:-2], -1)

    def windows(self, qpos: np.ndarray, starts: np.ndarray, length: int) -> np.ndarray:
        """Features of windows in a row of frames. Shapes (N, nq), (S,) -> (S, length * (9 + n))."""
        frames = self.frame(np.asarray(qpos, float), np)
        return self.features(frames[starts[:, None] + np.arange(length)], np)
