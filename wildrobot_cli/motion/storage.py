"""A clip's file: an `.npz` of plain arrays, the same bytes for the same clip."""

import io
from pathlib import Path
from typing import Any

import numpy as np

from wildrobot_cli.errors import ConfigError, suggest
from wildrobot_cli.motion.clip import Clip, make_clip
from wildrobot_cli.runtime.bundles.archives import read_arrays
from wildrobot_cli.whole import whole

MAX_BYTES = 2**28
"""Arrays that unpack to more than this are no clip."""
POSES = ("root_position", "root_quaternion", "joint_angles")
OPTIONAL = ("command", "velocity", "phase", "frequency", "loop", "held_out")
NUMBERS = ("fps", "frequency", "loop", "held_out")
REQUIRED = ("fps", "joint_names", *POSES, "source", "licence")


def save_clip(path: Path, clip: Clip) -> None:
    """Write a clip, whole or not at all. Arrays are stored in single precision."""
    content: dict[str, Any] = {"fps": clip.fps, "joint_names": np.array(clip.joint_names)}
    for name in (*POSES, "command", "velocity", "phase"):
        content[name] = getattr(clip, name).astype(np.float32)
    content |= {"source": clip.source, "licence": clip.licence, "frequency": clip.frequency}
    content |= {"loop": clip.loop, "held_out": clip.held_out}
    buffer = io.BytesIO()
    np.savez(buffer, **content)
    with whole(path) as unfinished:
        unfinished.write_bytes(buffer.getvalue())


def load_clip(path: Path) -> Clip:
    """Read a clip.

    Raises:
        ConfigError: naming the file, what was expected and what was found.
    """
    content = read_npz(path)
    for name in content:
        if name not in (*REQUIRED, *OPTIONAL):
            hint = suggest(name, (*REQUIRED, *OPTIONAL))
            raise ConfigError(f"{path}: unknown array '{name}'{hint}")
    missing = [name for name in REQUIRED if name not in content]
    if missing:
        raise ConfigError(f"{path}: no array '{missing[0]}': not a clip; `motion import` makes one")
    return _clip(path, content)


def is_clip(path: Path) -> bool:
    """Return whether an `.npz` file has a clip's arrays."""
    return all(name in read_npz(path) for name in POSES)


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """Read the arrays of an `.npz` file; objects are refused.

    Raises:
        ConfigError: naming the file and what is wrong with it.
    """
    if not path.is_file():
        raise ConfigError(f"{path}: no such file")
    try:
        return read_arrays(path.read_bytes(), MAX_BYTES)
    except (ConfigError, OSError) as error:
        raise ConfigError(f"{path}: {error}") from None


def number(path: Path, content: dict[str, np.ndarray], name: str) -> float:
    """Return a single number of an `.npz` file.

    Raises:
        ConfigError: it is missing, or not a number.
    """
    value = content.get(name)
    if value is None or value.size != 1 or value.dtype.kind not in "fiub":
        found = "nothing" if value is None else f"{value.dtype} of shape {value.shape}"
        raise ConfigError(f"{path}: {name}: expected a number, got {found}")
    return float(value.reshape(()))


def _clip(path: Path, content: dict[str, np.ndarray]) -> Clip:
    for name in (*POSES, "command", "velocity", "phase"):
        if name in content:
            _check(path, content, name, "fiu", "numbers for each frame")
    _check(path, content, "joint_names", "U", "a list of text")
    optional = {name: content[name] for name in ("command", "velocity", "phase") if name in content}
    given = {name: number(path, content, name) for name in NUMBERS if name in content}
    try:
        return make_clip(
            name=path.stem,
            fps=given["fps"],
            joint_names=tuple(str(name) for name in content["joint_names"]),
            **{name: content[name].astype(np.float64) for name in POSES},
            source=str(content["source"]),
            licence=str(content["licence"]),
            frequency=given.get("frequency", 0.0),
            loop=bool(given.get("loop", False)),
            held_out=bool(given.get("held_out", False)),
            **optional,
        )
    except ConfigError as error:
        raise ConfigError(f"{path}: {str(error).removeprefix(f'{path.stem}: ')}") from None


def _check(
    path: Path, content: dict[str, np.ndarray], name: str, kinds: str, expected: str
) -> None:
    """Raise `ConfigError` for an array of another kind, or a single value."""
    value = content[name]
    if value.dtype.kind not in kinds or value.ndim == 0:
        found = f"{value.dtype} of shape {value.shape}"
        raise ConfigError(f"{path}: {name}: expected {expected}, got {found}")
