"""AMASS and SMPL `.npz`: rotation vectors of a body's joints, its frame y up and z forward."""

from pathlib import Path

import numpy as np

from wildrobot_cli.errors import ConfigError
from wildrobot_cli.motion.importers.axes import Y_UP, axis_angles
from wildrobot_cli.motion.importers.options import ImportOptions
from wildrobot_cli.motion.importers.skeleton import Recording
from wildrobot_cli.motion.quaternions import conjugate, from_vector, multiply
from wildrobot_cli.motion.storage import number, read_npz

JOINTS = (
    "pelvis",
    "left_hip",
    "right_hip",
    "spine1",
    "left_knee",
    "right_knee",
    "spine2",
    "left_ankle",
    "right_ankle",
    "spine3",
    "left_foot",
    "right_foot",
)
"""The first joints of SMPL, SMPL+H and SMPL-X: root, legs and spine."""
_RATES = ("mocap_framerate", "mocap_frame_rate")


def read(path: Path, _: ImportOptions) -> Recording:
    """Read `poses`, `trans` and `mocap_framerate`; the world is z up, in metres.

    Raises:
        ConfigError: naming the file, the array, and what was expected.
    """
    content = read_npz(path)
    poses, trans = _array(path, content, "poses"), _array(path, content, "trans")
    rates = [name for name in _RATES if name in content]
    if not rates:
        raise ConfigError(f"{path}: no array '{_RATES[0]}': neither a clip nor AMASS")
    if trans.shape[1:] != (3,):
        raise ConfigError(f"{path}: trans: expected shape (T, 3), got {trans.shape}")
    if poses.ndim != 2 or poses.shape[0] != len(trans) or poses.shape[1] < 3 * len(JOINTS):
        expected = f"expected shape ({len(trans)}, {3 * len(JOINTS)} or more)"
        raise ConfigError(f"{path}: poses: {expected}, got {poses.shape}")
    vectors = poses[:, : 3 * len(JOINTS)].reshape(len(poses), len(JOINTS), 3)
    channels: dict[str, np.ndarray] = {}
    for place, name in enumerate(JOINTS[1:], start=1):
        turned = multiply(multiply(Y_UP, from_vector(vectors[:, place])), conjugate(Y_UP))
        channels |= axis_angles(name, turned)
    root = multiply(from_vector(vectors[:, 0]), conjugate(Y_UP))
    return Recording(str(path), number(path, content, rates[0]), trans, root, channels)


def _array(path: Path, content: dict[str, np.ndarray], name: str) -> np.ndarray:
    if name not in content:
        raise ConfigError(f"{path}: no array '{name}': neither a clip nor AMASS")
    if content[name].dtype.kind not in "fiu":
        raise ConfigError(f"{path}: {name}: expected numbers, got {content[name].dtype}")
    return content[name].astype(np.float64)
