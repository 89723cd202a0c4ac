"""What machines read: the promised keys, ratios within a run, null for what was not measured."""

import json

import pytest

from wildrobot_cli.bench.result import BenchResult
from wildrobot_cli.bench.startup import Startup

ROW_KEYS = {
    "what",
    "engine",
    "impl",
    "num_envs",
    "env_steps_per_s",
    "min",
    "median",
    "max",
    "compile_s",
    "peak_memory_mb",
}


def result(*rows, yardstick="physics_reference") -> BenchResult:
    return BenchResult({"engine": "mujoco"}, "wildrobot", 2_000_000, yardstick, list(rows))


def test_promised_keys_are_there_and_are_json(row):
    found = json.loads(json.dumps(result(row("train", 1.0, 2.0, 4.0)).to_json()))
    assert {"device", "rows", "ratios", "us_per_env_step", "time_to_walk_s"} <= set(found)
    assert set(found["ratios"]) == {
        "train_over_physics",
        "mujoco_over_mjx",
        "train_over_brax_ppo",
        "train_over_python_vector",
        "train_over_without_style",
    }
    (only,) = found["rows"]
    assert set(only) >= ROW_KEYS
    assert (only["min"], only["median"], only["env_steps_per_s"], only["max"]) == (1, 2, 2, 4)


def test_ratios_are_taken_turn_by_turn(row):
    noisy = result(row("train", 10, 50, 20), row("physics_reference", 20, 100, 40))
    assert noisy.ratios["train_over_physics"] == 0.5


def test_ratios_compare_equal_numbers_of_environments(row):
    found = result(
        row("train", 10, num_envs=256),
        row("physics_reference", 1, num_envs=512),
        row("physics_reference", 40, num_envs=256),
    )
    assert found.ratios["train_over_physics"] == 0.25


def test_a_robot_of_ones_own_is_held_against_its_own_physics(row):
    rows = row("train", 10), row("physics_reference", 20), row("physics", 40)
    assert result(*rows, yardstick="physics").ratios["train_over_physics"] == 0.25


def test_engines_are_compared_by_their_physics(row):
    found = result(row("physics", 50), row("physics", 10, engine="mjx"))
    assert found.ratios["mujoco_over_mjx"] == 5.0


def test_what_was_not_measured_is_null(row):
    found = result(row("physics", 10))
    assert set(found.ratios.values()) == {None}
    assert found.time_to_walk_s is None
    assert found.us_per_env_step is None


def test_memory_of_an_environment_is_what_more_of_them_add(row):
    rows = [row("env", 1, num_envs=n, memory=100 + n / 64) for n in (256, 4096, 1024)]
    assert result(*rows, row("train", 1)).memory_kb_per_env == {
        "environment mujoco": pytest.approx(1024 / 64)
    }


def test_time_to_walk_is_a_warm_start_and_the_training(row):
    found = result(row("train", 10_000))
    assert found.time_to_walk_s == 200.0
    found.startup = [
        Startup("cold", 1, 1, 20, 1, 23, 500),
        Startup("warm", 1, 1, 2, 1, 5, 500),
    ]
    assert found.time_to_walk_s == 205.0


def test_starts_are_rows_with_the_same_keys(row):
    found = result(row("train", 1))
    found.startup = [Startup("cold", 1.0, 2.0, 20.0, 1.0, 24.0, 512.0)]
    train, start = found.to_json()["rows"]
    assert set(train) <= set(start)
    assert (start["what"], start["cache"], start["compile_s"]) == ("startup", "cold", 20.0)
    assert start["env_steps_per_s"] is None


def test_phases_of_a_start_add_up():
    told = {"imported": 12.0, "first": 20.0, "compile_s": 3.0, "iteration_s": 1.0}
    start = Startup.of("cold", 10.0, told | {"peak_memory_mb": 1.0})
    assert start.total_s == 10.0
    assert (start.import_s, start.build_s) == (2.0, 4.0)
