"""Reading the log of a run on a robot, and how its first walk ended; nothing in it is trusted."""

from collections.abc import Mapping
from itertools import takewhile
from pathlib import Path

import numpy as np

from wildrobot_cli.config.environment import EnvConfig
from wildrobot_cli.config.loader import load
from wildrobot_cli.errors import ConfigError
from wildrobot_cli.runtime.bundles.archives import read_arrays
from wildrobot_cli.runtime.bundles.description import Description
from wildrobot_cli.runtime.bundles.parsing import parse
from wildrobot_cli.runtime.control.supervisor import EMERGENCY, WANTED
from wildrobot_cli.runtime.log import EVENTS, MODES, read_events, read_log, row_type
from wildrobot_cli.simulated.configuration import check_same
from wildrobot_cli.simulated.robot import SimulatedRobot
from wildrobot_cli.simulated.server import ENV, TRUTH

STOPPED = "stopped"
"""Cause of the failure of a robot that stopped itself."""
CUT_OFF = "cut off"
"""Cause of the failure of a robot whose log does not say how its walk ended."""


class _Endings(dict[str, str]):
    """What causes mean; any other is what states that were recorded fail of."""

    def __missing__(self, cause: str) -> str:
        """Say it of one of these."""
        return f"by its recorded states: {cause}"


ENDINGS = _Endings(
    {
        STOPPED: "the robot stopped itself; events.jsonl says why",
        EMERGENCY: "its owner's emergency stop; events.jsonl says by which key or signal",
        CUT_OFF: "cut off: the log does not say how the walk ended",
    }
)
"""What causes of failures mean."""
RESET = "reset"
"""Cause of the event that another walk begins with."""
NO_STOP = ("walking", "stopped", "command", "clamp")
"""Causes of events that stop nothing."""
OWNERS = ("by key", "SIG")
"""What the details of an emergency begin with that the owner asked for: a key, or a signal."""

Columns = Mapping[str, np.ndarray]


def read_rows(folder: Path) -> tuple[Columns, Description]:
    """A log's rows, one a control step, and what was run.

    Raises:
        ConfigError: they do not read, are not what a run writes, or there are none.
    """
    columns, document = read_log(folder)
    try:
        description = parse(document)
        row = np.zeros((), row_type(len(description.joints.names)))
        rows = table(columns, {name: row[name] for name in row.dtype.names or ()})
        _check_order(rows)
    except ConfigError as error:
        raise ConfigError(f"{folder}: not a readable log: {error}") from None
    if not len(rows["time"]):
        raise ConfigError(f"{folder}: holds no control step: the robot was not heard")
    return rows, description


def read_truth(folder: Path, description: Description, periods: int) -> tuple[EnvConfig, Columns]:
    """The simulation's configuration, and its states: the first, and one after each period.

    Raises:
        ConfigError: they do not read, are another simulation's, or fewer than the log's `periods`.
    """
    config = load(EnvConfig, folder / ENV)
    check_same(description, config, str(folder / ENV))
    state = SimulatedRobot(config).readout()
    try:
        states = table(read_arrays((folder / TRUTH).read_bytes()), state)
        if len(states["qpos"]) <= periods:
            raise ConfigError(f"{len(states['qpos']) - 1} control periods, the log has {periods}")
    except (ConfigError, OSError) as error:
        raise ConfigError(f"{folder}: not a readable log: {TRUTH}: {error}") from None
    return config, states


def table(columns: Columns, row: Columns) -> Columns:
    """Return the columns that a row has, all of one length, of its shapes and kinds of number.

    Raises:
        ConfigError: naming the one that is missing or another.
    """
    if missing := [name for name in row if name not in columns]:
        raise ConfigError(f"no array '{missing[0]}'")
    count = max(columns[name].shape[:1] for name in row)
    for name, value in row.items():
        found, shape = columns[name], (*count, *value.shape)
        if (found.shape, found.dtype.kind) != (shape, value.dtype.kind) or not count:
            raise ConfigError(
                f"{name}: expected {value.dtype} of shape {shape}, "
                f"got {found.dtype} of shape {found.shape}"
            )
    return {name: columns[name] for name in row}


def _check_order(rows: Columns) -> None:
    """Raise `ConfigError` for rows that no loop writes: a disk may give back zeros, say."""
    for name, column in (("time", rows["time"]), ("tick", rows["tick"][rows["tick"] >= 0])):
        if not (np.isfinite(column).all() and (column[1:] > column[:-1]).all()):
            raise ConfigError(f"{name}: does not grow from row to row")
    if not np.isin(rows["mode"], range(len(MODES))).all():
        raise ConfigError(f"mode: expected 0 .. {len(MODES) - 1}")


def failure_of(folder: Path) -> str:
    """Say what ended the first walk, if that was no soft stop of its owner; "" where it was."""
    # A run that is killed before anything happened has no events yet.
    events = read_events(folder) if (folder / EVENTS).is_file() else []
    first_walk = takewhile(lambda event: event["cause"] != RESET, events)
    stops = [event for event in first_walk if event["cause"] not in NO_STOP]
    if not stops:
        return CUT_OFF
    unwanted = [event for event in stops if event["cause"] not in WANTED]
    if not unwanted:
        return ""
    first = unwanted[0]
    owners = str(first.get("detail", "")).startswith(OWNERS)
    return EMERGENCY if first["cause"] == EMERGENCY and owners else STOPPED
