"""A slower program is found, a slower machine and noise are not."""

import json

import pytest

from wildrobot_cli.bench.comparison import compare, missing, read_rows
from wildrobot_cli.bench.result import BenchResult
from wildrobot_cli.errors import ConfigError

BEFORE = (98, 100, 102)


def only(changes):
    (change,) = changes
    return change


def test_a_planted_slowdown_is_a_regression(row):
    change = only(compare([row("train", 78, 80, 82)], [row("train", *BEFORE)]))
    assert change.ratio == pytest.approx(0.8)
    assert change.is_regression


@pytest.mark.parametrize("now", [(99, 101, 104), (96, 98, 101), (120, 121, 122), (60, 99, 140)])
def test_noise_and_improvement_are_none(row, now):
    assert not only(compare([row("train", *now)], [row("train", *BEFORE)])).is_regression


def test_noise_is_that_of_both(row):
    now = row("train", 88, 90, 92)
    assert only(compare([now], [row("train", *BEFORE)])).is_regression
    assert not only(compare([now], [row("train", 85, 100, 115)])).is_regression


def test_a_machine_half_as_fast_is_no_regression(row):
    before = [row("train", *BEFORE), row("physics_reference", 196, 200, 204)]
    now = [row("train", 49, 50, 51), row("physics_reference", 98, 100, 102)]
    change = only(compare(now, before))
    assert change.by_yardstick
    assert change.ratio == pytest.approx(1.0)
    assert not change.is_regression


def test_a_slow_program_on_a_fast_machine_is_a_regression(row):
    before = [row("train", *BEFORE), row("physics_reference", 196, 200, 204)]
    now = [row("train", 118, 120, 122), row("physics_reference", 392, 400, 408)]
    change = only(compare(now, before))
    assert change.ratio == pytest.approx(0.6)
    assert change.is_regression


def test_rows_of_other_sizes_and_engines_are_not_compared(row):
    before = [row("train", 900, num_envs=256), row("train", 900, engine="mjx")]
    assert compare([row("train", *BEFORE)], before) == []


def test_what_was_written_is_read(row, tmp_path):
    rows = [row("train", *BEFORE), row("physics", 1, 2, engine="mjx")]
    path = tmp_path / "before.json"
    result = BenchResult({"engine": "mujoco"}, "wildrobot", 1, "physics_reference", rows)
    path.write_text(json.dumps(result.to_json()))
    assert read_rows(path, "wildrobot", "cpu") == rows


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", 10_000 * "[", '{"rows": [1]}', '{"rows": [{"what": "train"}]}', "null"]
)
def test_other_files_are_refused(tmp_path, text):
    path = tmp_path / "before.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"before\.json: expected what `wildrobot bench"):
        read_rows(path, "wildrobot", "cpu")


def test_a_tenth_of_the_speed_is_no_noise(row):
    wild = [row("train", 10, 100, 190)]
    assert only(compare([row("train", 1, 10, 19)], wild)).is_regression


def test_rows_that_are_not_measured_any_more_are_named(row):
    before = [row("train", *BEFORE), row("env", *BEFORE)]
    assert missing([row("train", 1)], before) == before[1:]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("turns", []),
        ("turns", [0.0]),
        ("turns", [float("nan")]),
        ("turns", [float("inf")]),
        ("num_envs", float("inf")),
        ("impl", []),
    ],
)
def test_rows_that_nothing_measured_are_refused(row, tmp_path, key, value):
    path = tmp_path / "before.json"
    data = BenchResult({"engine": "mujoco"}, "wildrobot", 1, "physics", [row("train", 1)]).to_json()
    data["rows"][0][key] = value
    data["rows"][0]["what"] = "train" if key != "impl" else value
    path.write_text(json.dumps(data))
    with pytest.raises(ConfigError, match="expected what"):
        read_rows(path, "wildrobot", "cpu")


def test_another_robots_speed_is_refused(row, tmp_path):
    path = tmp_path / "before.json"
    result = BenchResult({"engine": "mujoco"}, "other", 1, "physics", [row("train", 1)])
    path.write_text(json.dumps(result.to_json()))
    with pytest.raises(ConfigError, match="it measured the robot 'other', not 'wildrobot'"):
        read_rows(path, "wildrobot", "cpu")


def test_another_devices_speed_needs_a_yardstick(row, tmp_path):
    path, rows = tmp_path / "before.json", [row("train", 1)]
    result = BenchResult({"engine": "mjx", "device": "H200"}, "wildrobot", 1, "physics", rows)
    path.write_text(json.dumps(result.to_json()))
    assert read_rows(path, "wildrobot", "H200") == rows
    with pytest.raises(ConfigError, match="it measured on 'H200', this is 'H100', and no physics"):
        read_rows(path, "wildrobot", "H100")
    result.rows.append(row("physics_reference", 2))
    path.write_text(json.dumps(result.to_json()))
    assert read_rows(path, "wildrobot", "H100") == result.rows


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere\.json: cannot read: No such file"):
        read_rows(tmp_path / "nowhere.json", "wildrobot", "cpu")
