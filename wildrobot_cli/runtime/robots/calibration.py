"""How a robot's servos are mounted: written once by who built it, and held against every policy."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from wildrobot_cli.errors import ConfigError, suggest
from wildrobot_cli.runtime.robots import servo_protocol as protocol

ENTRY = ("name", "id", "zero", "sign", "lower", "upper")
"""What a joint's entry holds."""


class Calibration(NamedTuple):
    """What a robot's own file says of its n joints, in the order of its sensors and targets."""

    robot: str
    """Name of the robot."""
    joints: tuple[str, ...]
    """Names of its joints."""
    ids: np.ndarray
    """Ids of their servos on the bus. Shape (n,)."""
    zeros: np.ndarray
    """The servos' positions where the joints' angles are zero [counts]. Shape (n,)."""
    signs: np.ndarray
    """1, or -1 where a servo turns against its joint. Shape (n,)."""
    lower: np.ndarray
    """Lowest joint angles. Shape (n,) [rad]."""
    upper: np.ndarray
    """Highest joint angles. Shape (n,) [rad]."""


def read_calibration(file: Path) -> Calibration:
    """Read a calibration: a JSON object with `robot` and a list of `joints`; see docs/runtime.md.

    Raises:
        ConfigError: it does not read, or an entry is wrong, or a name or id stands twice.
    """
    source = f"--calibration {file}"
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{source}: does not read: {error}") from None
    if not isinstance(content, dict) or set(content) != {"robot", "joints"}:
        raise ConfigError(f"{source}: expected an object with robot and joints")
    entries = content["joints"]
    if not isinstance(entries, list) or not entries:
        raise ConfigError(f"{source}: joints: expected a list with an entry for each joint")
    for index, entry in enumerate(entries):
        _check_entry(f"{source}: joints[{index}]", entry)
    for key in ("name", "id"):
        values = [entry[key] for entry in entries]
        twice = next((value for value in values if values.count(value) > 1), None)
        if twice is not None:
            raise ConfigError(f"{source}: two joints with the {key} {twice!r}")
    names, *columns = ([entry[key] for entry in entries] for key in ENTRY)
    return Calibration(str(content["robot"]), tuple(names), *map(np.array, columns))


def _check_entry(place: str, entry: Any) -> None:
    """Raise `ConfigError` for an entry that is none."""
    if not isinstance(entry, dict):
        raise ConfigError(f"{place}: expected an object with {', '.join(ENTRY)}, got {entry!r}")
    for key in entry:
        if key not in ENTRY:
            raise ConfigError(f"{place}: no key '{key}'{suggest(key, ENTRY)}")
    expected = {
        "name": "a text",
        "id": f"a whole number in 0 .. {protocol.EVERYONE - 1}",
        "zero": f"a count in 0 .. {protocol.COUNTS}",
        "sign": "1 or -1",
        "lower": "a number [rad]",
        "upper": "a number above lower [rad]",
    }
    for key in ENTRY:
        if not _fits(key, entry):
            raise ConfigError(f"{place}: {key}: expected {expected[key]}, got {entry.get(key)!r}")


def _fits(key: str, entry: dict[str, Any]) -> bool:
    value = entry.get(key)
    if key == "name":
        return isinstance(value, str) and value.isprintable() and bool(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if key in ("lower", "upper"):
        turn = 2 * np.pi
        return bool(-turn <= value <= turn) and (key == "lower" or value > entry["lower"])
    if not isinstance(value, int):
        return False
    highest = {"id": protocol.EVERYONE - 1, "zero": protocol.COUNTS, "sign": 1}[key]
    return value in (1, -1) if key == "sign" else 0 <= value <= highest
