"""One door for all formats: by the file's ending, then by what is in it."""

import re
from collections.abc import Callable
from pathlib import Path

from wildrobot_cli.errors import ConfigError
from wildrobot_cli.motion.clip import Clip
from wildrobot_cli.motion.importers import bvh, deepmimic, smpl, table
from wildrobot_cli.motion.importers.options import ImportOptions
from wildrobot_cli.motion.importers.skeleton import clip_from
from wildrobot_cli.motion.storage import is_clip, load_clip
from wildrobot_cli.robot import Robot

MAX_BYTES = 2**28
"""Longer files are refused."""

_READERS: dict[str, Callable] = {
    ".bvh": bvh.read,
    ".csv": table.read,
    ".json": deepmimic.read,
    ".npz": smpl.read,
    ".txt": deepmimic.read,
}
FORMATS = tuple(sorted(_READERS))
"""File endings that can be imported."""

_RESTRICTED = re.compile(r"(?<![a-z])(nc|nd|non-?commercial|no-?deriv\w*)(?![a-z])", re.IGNORECASE)


def import_clip(robot: Robot, path: Path, options: ImportOptions) -> Clip:
    """Read a motion file and put it on the robot's joints, matched by name.

    A file that is a clip already stays as it is, source and licence included.

    Raises:
        ConfigError: naming the file, what was expected and what was found.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        found = path.suffix or "none"
        raise ConfigError(f"{path}: expected an ending of {', '.join(FORMATS)}, got {found}")
    if not path.is_file():
        raise ConfigError(f"{path}: no such file")
    if path.stat().st_size > MAX_BYTES:
        raise ConfigError(f"{path}: longer than {MAX_BYTES} bytes: not a motion")
    if path.suffix.lower() == ".npz" and is_clip(path):
        _refuse_changes(path, options)
        return load_clip(path)
    return clip_from(robot, reader(path, options), path.stem, options)


def _refuse_changes(path: Path, options: ImportOptions) -> None:
    """Raise `ConfigError` for options that would change what is a clip already."""
    changes = {"--unit": options.unit, "--joint": options.joints, "--scale": options.scale != 1.0}
    given = [name for name, value in changes.items() if value]
    if given:
        raise ConfigError(f"{path}: is a clip already and stays as it is: leave out {given[0]}")


def licence_warning(licence: str) -> str | None:
    """Return a warning for a licence that forbids derivatives or commercial use."""
    if not _RESTRICTED.search(licence):
        return None
    return (
        f"licence '{licence}' forbids derivatives or commercial use: "
        "a policy trained on this clip may fall under it"
    )
