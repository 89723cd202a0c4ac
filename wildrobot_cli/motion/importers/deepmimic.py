"""DeepMimic's JSON of its humanoid: frames of durations, quaternions and hinge angles, y up."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from wildrobot_cli.errors import ConfigError
from wildrobot_cli.motion.importers.axes import axis_angles
from wildrobot_cli.motion.importers.options import ImportOptions
from wildrobot_cli.motion.importers.skeleton import Recording
from wildrobot_cli.motion.importers.timing import rate_of
from wildrobot_cli.motion.quaternions import about, conjugate, multiply, rotate

LAYOUT = (
    ("chest", 4),
    ("neck", 4),
    ("right_hip", 4),
    ("right_knee", 1),
    ("right_ankle", 4),
    ("right_shoulder", 4),
    ("right_elbow", 1),
    ("left_hip", 4),
    ("left_knee", 1),
    ("left_ankle", 4),
    ("left_shoulder", 4),
    ("left_elbow", 1),
)
"""Joints and their number of values, behind duration, root position and root quaternion."""
WIDTH = 8 + sum(size for _, size in LAYOUT)
"""Values in a frame."""

_X_FORWARD_Y_UP = about("x", np.array(np.pi / 2))
"""Turns x forward, y up, z right into x forward, z up, y left. Shape (4,)."""


def read(path: Path, _: ImportOptions) -> Recording:
    """Read a DeepMimic motion of the 3D humanoid; lengths are metres.

    A hinge turns about z, to the right, so that its angle changes sign on the robot.

    Raises:
        ConfigError: naming the file and what was expected.
    """
    frames = _frames(path)
    fps = rate_of(str(path), np.concatenate([[0.0], np.cumsum(frames[:-1, 0])]))
    frame = _X_FORWARD_Y_UP
    channels: dict[str, np.ndarray] = {}
    place = 8
    for name, size in LAYOUT:
        values = frames[:, place : place + size]
        if size == 1:
            channels[name] = -values[:, 0]
        else:
            channels |= axis_angles(name, multiply(multiply(frame, values), conjugate(frame)))
        place += size
    root = multiply(multiply(frame, frames[:, 4:8]), conjugate(frame))
    return Recording(str(path), fps, rotate(frame, frames[:, 1:4]), root, channels)


def _frames(path: Path) -> np.ndarray:
    """Read the table of frames. Shape (T, WIDTH)."""
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        raise ConfigError(f"{path}: not JSON, or damaged") from None
    if not isinstance(content, dict) or "Frames" not in content:
        raise ConfigError(f"{path}: expected a key 'Frames': not a DeepMimic motion")
    try:
        frames = np.array(content["Frames"], dtype=np.float64)
    except (ValueError, TypeError):
        raise ConfigError(f"{path}: Frames: expected rows of {WIDTH} numbers") from None
    if frames.ndim != 2 or frames.shape[1] != WIDTH:
        raise ConfigError(f"{path}: Frames: expected shape (T, {WIDTH}), got {frames.shape}")
    return frames
