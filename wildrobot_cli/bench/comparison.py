"""This measurement against an earlier one: what became slower, beyond noise."""

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wildrobot_cli.bench.rows import NAMES, Key, Row
from wildrobot_cli.errors import ConfigError

YARDSTICK = "physics_reference"
MOST_NOISE = 0.5
"""What is slower by more than this is slower, however much its turns differ."""


@dataclass(frozen=True)
class Change:
    """How a row's speed has changed."""

    key: Key
    """What, engine, impl, num_envs."""
    by_yardstick: bool
    """Whether speeds are in units of the yardstick's, measured in the same run."""
    ratio: float
    """The median speed now over that of before."""
    noise: float
    """How far the turns of both lie from their medians, together, as a share of the speed."""

    @property
    def is_regression(self) -> bool:
        """Whether it became slower by more than the noise."""
        return self.ratio < 1.0 - self.noise


def compare(now: Sequence[Row], before: Sequence[Row]) -> list[Change]:
    """Compare the rows that both have, in units of the yardstick where both have that as well.

    A yardstick makes measurements of different machines, and of busy and quiet hours, comparable.
    """
    old = {row.key: row for row in before}
    changes = []
    for row in now:
        if row.key not in old or row.what == YARDSTICK:
            continue
        ours, theirs = _yardstick(row, now), _yardstick(old[row.key], before)
        both = ours is not None and theirs is not None
        new = _relative(row, ours if both else None)
        past = _relative(old[row.key], theirs if both else None)
        change = statistics.median(new) / statistics.median(past)
        noise = min(_spread(new) + _spread(past), MOST_NOISE)
        changes.append(Change(row.key, both, change, noise))
    return changes


def missing(now: Sequence[Row], before: Sequence[Row]) -> list[Row]:
    """Return the rows of an earlier measurement that this one does not have."""
    keys = {row.key for row in now}
    return [row for row in before if row.key not in keys]


def read_rows(path: Path, robot: str, device: str) -> list[Row]:
    """Read the rows of what `wildrobot bench --json` wrote of a robot.

    Raises:
        ConfigError: there is no such file, it is not one of those, or of another robot; or of
            another device, and without the yardstick.
    """
    try:
        data: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        rows = [Row.from_json(row) for row in data["rows"] if row["what"] in NAMES]
        measured = str(data.get("robot", robot))
        place = str(data["device"].get("device", device))
    except OSError as error:
        raise ConfigError(f"--against {path}: cannot read: {error.strerror}") from None
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
        raise ConfigError(
            f"--against {path}: expected what `wildrobot bench --json FILE` writes"
        ) from None
    if measured != robot:
        raise ConfigError(f"--against {path}: it measured the robot '{measured}', not '{robot}'")
    if place != device and not any(row.what == YARDSTICK for row in rows):
        raise ConfigError(
            f"--against {path}: it measured on '{place}', this is '{device}', and no physics of "
            "the reference model stands beside its speeds"
        )
    return rows


def _yardstick(row: Row, rows: Sequence[Row]) -> Row | None:
    same = (other for other in rows if other.what == YARDSTICK and other.num_envs == row.num_envs)
    return next(same, None)


def _relative(row: Row, yardstick: Row | None) -> list[float]:
    """Speeds turn by turn, in units of the yardstick's, if there is one."""
    if yardstick is None:
        return list(row.turns)
    return [a / b for a, b in zip(row.turns, yardstick.turns, strict=False)]


def _spread(values: Sequence[float]) -> float:
    """Largest distance of a value from the median, as a share of it."""
    middle = statistics.median(values)
    return max(abs(value - middle) for value in values) / middle
