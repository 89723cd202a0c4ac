"""Biovision hierarchies: a tree of joints with rotation channels in any order, degrees, y up."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wildrobot_cli.errors import ConfigError
from wildrobot_cli.motion.importers.axes import Y_UP, axis_angles, length_unit
from wildrobot_cli.motion.importers.options import ImportOptions
from wildrobot_cli.motion.importers.skeleton import Recording
from wildrobot_cli.motion.quaternions import about, conjugate, multiply, rotate

_POSITIONS = ("Xposition", "Yposition", "Zposition")
_ROTATIONS = ("Xrotation", "Yrotation", "Zrotation")


@dataclass(frozen=True)
class Joint:
    """A joint of the hierarchy, and where its channels stand in a line of the motion."""

    name: str
    """Its name."""
    channels: tuple[str, ...]
    """Its channels, in the order of the file, which is the order of rotation."""
    start: int
    """Place of the first of them in a line."""


def read(path: Path, options: ImportOptions) -> Recording:
    """Read a BVH file.

    Raises:
        ConfigError: naming the file, the line or channel, and what was expected.
    """
    unit = length_unit(path, options)
    words = _text(path).split()
    joints, place = _hierarchy(path, words)
    fps, lines = _motion(path, words[place:], joints)
    root = joints[0]
    position = np.stack([_values(root, lines, name, path) for name in _POSITIONS], axis=-1) * unit
    channels: dict[str, np.ndarray] = {}
    for joint in joints[1:]:
        turned = multiply(multiply(Y_UP, _rotation(joint, lines)), conjugate(Y_UP))
        channels |= axis_angles(joint.name, turned)
    quaternion = multiply(multiply(Y_UP, _rotation(root, lines)), conjugate(Y_UP))
    return Recording(str(path), fps, rotate(Y_UP, position), quaternion, channels)


def _text(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8", errors="strict")
    except (OSError, UnicodeDecodeError):
        raise ConfigError(f"{path}: not a BVH file: not text") from None
    if not text.lstrip().startswith("HIERARCHY"):
        raise ConfigError(f"{path}: not a BVH file: expected 'HIERARCHY' at the start")
    return text


def _hierarchy(path: Path, words: list[str]) -> tuple[list[Joint], int]:
    """Read the joints; return them, and the place behind the word MOTION."""
    joints: list[Joint] = []
    name, start, place = "", 0, 1
    try:
        while words[place] != "MOTION":
            if words[place] in ("ROOT", "JOINT"):
                name = words[place + 1]
            elif words[place] == "CHANNELS":
                count = int(words[place + 1])
                channels = tuple(words[place + 2 : place + 2 + count])
                _check_channels(path, name, channels)
                joints.append(Joint(name, channels, start))
                start += count
            place += 1
    except (IndexError, ValueError):
        raise ConfigError(f"{path}: not a BVH file: the hierarchy breaks off at '{name}'") from None
    if not joints:
        raise ConfigError(f"{path}: a BVH file without joints")
    return joints, place + 1


def _check_channels(path: Path, name: str, channels: tuple[str, ...]) -> None:
    for channel in channels:
        if channel not in (*_POSITIONS, *_ROTATIONS):
            raise ConfigError(f"{path}: joint '{name}': unknown channel '{channel}'")


def _motion(path: Path, words: list[str], joints: list[Joint]) -> tuple[float, np.ndarray]:
    """Read frames per second and the table of channels. Shape (T, channels)."""
    width = joints[-1].start + len(joints[-1].channels)
    try:
        frames, period = (
            int(words[words.index("Frames:") + 1]),
            float(words[words.index("Time:") + 1]),
        )
        values = np.array(words[words.index("Time:") + 2 :], dtype=np.float64)
    except (ValueError, IndexError):
        raise ConfigError(f"{path}: expected 'Frames:', 'Frame Time:' and numbers") from None
    if not period > 0:
        raise ConfigError(f"{path}: Frame Time: expected a number above 0, got {period}")
    if values.size != frames * width:
        expected = f"expected {frames} frames of {width} channels"
        raise ConfigError(f"{path}: {expected}, got {values.size} numbers")
    return 1 / period, values.reshape(frames, width)


def _values(joint: Joint, lines: np.ndarray, channel: str, path: Path) -> np.ndarray:
    if channel not in joint.channels:
        raise ConfigError(f"{path}: root '{joint.name}': no channel '{channel}'")
    return lines[:, joint.start + joint.channels.index(channel)]


def _rotation(joint: Joint, lines: np.ndarray) -> np.ndarray:
    """The joint's rotation: its channels' rotations, first channel outermost. Shape (T, 4)."""
    quaternion = np.tile([1.0, 0.0, 0.0, 0.0], (len(lines), 1))
    for place, channel in enumerate(joint.channels):
        if channel in _ROTATIONS:
            angle = np.radians(lines[:, joint.start + place])
            quaternion = multiply(quaternion, about(channel[0].lower(), angle))
    return quaternion
