"""CSV with a unit in every column's head: `time [s]`, `root_x [m]`, `left_knee_pitch [deg]`."""

import csv
import re
from pathlib import Path

import numpy as np

from wildrobot_cli.errors import ConfigError, suggest
from wildrobot_cli.motion.importers.options import ImportOptions
from wildrobot_cli.motion.importers.skeleton import Recording
from wildrobot_cli.motion.importers.timing import rate_of

UNITS = {
    "s": ("s", 1.0),
    "ms": ("s", 1e-3),
    "m": ("m", 1.0),
    "cm": ("m", 1e-2),
    "mm": ("m", 1e-3),
    "rad": ("rad", 1.0),
    "deg": ("rad", np.pi / 180),
    "-": ("-", 1.0),
}
"""What a unit measures, in the unit that clips use, and its size in that unit."""
POSITION = ("root_x", "root_y", "root_z")
QUATERNION = ("root_qw", "root_qx", "root_qy", "root_qz")

_HEAD = re.compile(r"\s*(?P<name>[^\[\]]+?)\s*\[\s*(?P<unit>[^\[\]]+?)\s*\]\s*")


def read(path: Path, _: ImportOptions) -> Recording:
    """Read a CSV file: time, root position, root quaternion, and joint angles.

    Raises:
        ConfigError: naming the file, the column or line, and what was expected.
    """
    heads, rows = _rows(path)
    names, scales = _columns(path, heads)
    values = _numbers(path, rows, len(heads)) * scales
    column = dict(zip(names, values.T, strict=True))
    for name in ("time", *POSITION, *QUATERNION):
        if name not in column:
            raise ConfigError(f"{path}: no column '{name}'{suggest(name, column)}")
    fps = rate_of(str(path), column.pop("time"))
    position = np.stack([column.pop(name) for name in POSITION], axis=-1)
    quaternion = np.stack([column.pop(name) for name in QUATERNION], axis=-1)
    return Recording(str(path), fps, position, quaternion, column)


def _rows(path: Path) -> tuple[list[str], list[list[str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [row for row in csv.reader(file) if row]
    except (OSError, UnicodeDecodeError, csv.Error):
        raise ConfigError(f"{path}: not CSV, or damaged") from None
    if not rows:
        raise ConfigError(f"{path}: expected a line of column heads, the file is empty")
    return rows[0], rows[1:]


def _columns(path: Path, heads: list[str]) -> tuple[list[str], np.ndarray]:
    """Return the columns' names, and the factors that turn them into the clips' units."""
    names, scales = [], []
    for head in heads:
        match = _HEAD.fullmatch(head)
        if match is None:
            raise ConfigError(f"{path}: column '{head.strip()}': expected a unit, as in 'time [s]'")
        name, unit = match["name"], match["unit"]
        wanted = "s" if name == "time" else "m" if name in POSITION else None
        wanted = "-" if name in QUATERNION else wanted or "rad"
        if unit not in UNITS or UNITS[unit][0] != wanted:
            valid = ", ".join(known for known, (kind, _) in UNITS.items() if kind == wanted)
            raise ConfigError(f"{path}: column '{name}': expected a unit of {valid}, got '{unit}'")
        names.append(name)
        scales.append(UNITS[unit][1])
    return names, np.array(scales)


def _numbers(path: Path, rows: list[list[str]], width: int) -> np.ndarray:
    """Turn lines into numbers. Shape (T, width)."""
    for line, row in enumerate(rows, start=2):
        if len(row) != width:
            raise ConfigError(f"{path}:{line}: expected {width} values, got {len(row)}")
    try:
        return np.array(rows, dtype=np.float64).reshape(len(rows), width)
    except ValueError as error:
        raise ConfigError(f"{path}: expected numbers: {error}") from None
