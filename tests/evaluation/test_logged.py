"""What a log's arrays and events must be, whoever wrote them; see `tests/cli/test_eval_log.py`."""

import json

import numpy as np
import pytest

from wildrobot_cli.errors import ConfigError
from wildrobot_cli.evaluation.logged import (
    CUT_OFF,
    ENDINGS,
    STOPPED,
    failure_of,
    table,
)
from wildrobot_cli.runtime.control.supervisor import EMERGENCY

ROW = {"time": np.float64(0.0), "tick": np.int64(0), "gyro": np.zeros(3, np.float32)}


def columns(count):
    return {name: np.zeros((count, *value.shape), value.dtype) for name, value in ROW.items()}


@pytest.mark.parametrize("count", [0, 1, 7])
def test_a_table_has_the_columns_of_its_row_and_no_others(count):
    found = table(columns(count) | {"more": np.zeros(99)}, ROW)
    assert {name: len(column) for name, column in found.items()} == dict.fromkeys(ROW, count)


@pytest.mark.parametrize(
    ("name", "column", "message"),
    [
        ("gyro", np.zeros((3, 3)), r"gyro: expected float32 of shape \(7, 3\), got float64 of"),
        ("gyro", np.zeros((7, 4)), r"got float64 of shape \(7, 4\)"),
        ("gyro", np.zeros(7), r"got float64 of shape \(7,\)"),
        ("tick", np.zeros(7), r"tick: expected int64 of shape \(7,\), got float64"),
        ("time", np.zeros(7, int), "time: expected float64"),
        ("time", np.zeros(7, "<U3"), "time: expected float64"),
        (
            "time",
            np.zeros(()),
            r"time: expected float64 of shape \(7,\), got float64 of shape \(\)",
        ),
        ("time", np.zeros(8), r"tick: expected int64 of shape \(8,\)|got float64 of shape \(7,"),
    ],
)
def test_columns_that_no_run_writes_are_named(name, column, message):
    with pytest.raises(ConfigError, match=message):
        table(columns(7) | {name: column}, ROW)


def test_a_table_of_single_numbers_is_none():
    with pytest.raises(ConfigError, match="time: expected float64"):
        table({name: np.zeros((), value.dtype) for name, value in ROW.items()}, ROW)


def test_a_column_that_is_missing_is_named():
    with pytest.raises(ConfigError, match="no array 'gyro'"):
        table({"time": np.zeros(7), "tick": np.zeros(7, int)}, ROW)


@pytest.mark.parametrize(
    ("events", "failure"),
    [
        (("walking:", "done: walked for 3 s"), ""),
        (("walking:", "hand: SIGINT", "stopped:"), ""),
        (("walking:", "tilt: leans 61 degrees", "emergency: by key"), STOPPED),
        (("walking:", "emergency: by key"), EMERGENCY),
        (("walking:", "emergency: SIGQUIT"), EMERGENCY),
        (("walking:", "hand: SIGINT", "emergency: SIGINT"), EMERGENCY),
        (("walking:", "emergency: not written: joint 'a'"), STOPPED),
        (("walking:", "emergency: the control loop does not follow"), STOPPED),
        (("walking:",), CUT_OFF),
        (("walking:", "hand: by key", "reset: by hand", "emergency: by key"), ""),
    ],
)
def test_a_failure_says_who_ended_the_first_walk(tmp_path, events, failure):
    pairs = [event.split(": ", 1) if ": " in event else (event[:-1], "") for event in events]
    lines = [json.dumps({"time": 0.0, "cause": cause, "detail": what}) for cause, what in pairs]
    (tmp_path / "events.jsonl").write_text("".join(line + "\n" for line in lines))
    assert failure_of(tmp_path) == failure


def test_a_run_that_was_killed_before_anything_happened_was_cut_off(tmp_path):
    assert failure_of(tmp_path) == CUT_OFF


def test_every_cause_is_explained():
    assert "emergency" in ENDINGS[EMERGENCY]
    assert ENDINGS["tilted"] == "by its recorded states: tilted"
