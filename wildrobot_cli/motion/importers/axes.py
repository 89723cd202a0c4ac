"""Frames and units of other formats."""

from pathlib import Path

import numpy as np

from wildrobot_cli.errors import ConfigError
from wildrobot_cli.motion.importers.options import ImportOptions
from wildrobot_cli.motion.quaternions import about, multiply

UNITS = {"m": 1.0, "cm": 0.01}
"""Lengths in metres."""

Y_UP = multiply(about("z", np.array(np.pi / 2)), about("x", np.array(np.pi / 2)))
"""Turns y up, z forward (BVH) into z up, x forward. Shape (4,)."""


def length_unit(path: Path, options: ImportOptions) -> float:
    """Return the declared unit of lengths in metres.

    Raises:
        ConfigError: none was declared, or an unknown one.
    """
    if options.unit not in UNITS:
        found = "nothing" if options.unit is None else f"'{options.unit}'"
        raise ConfigError(f"{path}: --unit: expected {' or '.join(UNITS)}, got {found}")
    return UNITS[options.unit]


def axis_angles(name: str, quaternion: np.ndarray) -> dict[str, np.ndarray]:
    """A ball joint's rotation as three angles: about y, then x, then z of the turned frame.

    For a leg that is pitch, roll and yaw; they do not disturb each other while roll is below a
    right angle. Shape (T, 4) -> three of shape (T,) [rad], named `NAME.y`, `NAME.x`, `NAME.z`.
    """
    w, x, y, z = quaternion.T
    roll = np.arcsin(np.clip(2 * (w * x - y * z), -1.0, 1.0))
    pitch = np.arctan2(2 * (x * z + w * y), w * w - x * x - y * y + z * z)
    yaw = np.arctan2(2 * (x * y + w * z), w * w - x * x + y * y - z * z)
    turns = {"y": np.unwrap(pitch), "x": roll, "z": np.unwrap(yaw)}
    return {f"{name}.{axis}": angle for axis, angle in turns.items()}
