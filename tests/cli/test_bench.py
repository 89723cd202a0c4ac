"""`wildrobot bench` as a user types it."""

import json

import pytest

from wildrobot_cli.bench.result import BenchResult
from wildrobot_cli.bench.rows import Row
from wildrobot_cli.commands import bench

PHYSICS = ("bench", "--what", "physics", "--engine", "mujoco", "--num-envs", "8")


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(bench, "TURNS", 2)


@pytest.mark.long
def test_physics_is_measured_shown_and_held_against_itself(command, quick, tmp_path):
    done = command(*PHYSICS, "--json", "now.json", "--plot", "now.png")
    assert done.code == 0, done.out + done.err
    for words in ("physics mujoco", "reference physics", "steps/s", "plot in now.png"):
        assert words in done.out
    found = json.loads((tmp_path / "now.json").read_text())
    assert [row["what"] for row in found["rows"]] == ["physics_reference", "physics"]
    for row in found["rows"]:
        assert row["engine"] == "mujoco"
        assert row["num_envs"] == 8
        assert 0 < row["min"] <= row["median"] <= row["max"]
        assert 20 < row["peak_memory_mb"] < 300
    assert found["device"]["versions"]["mujoco"]
    assert found["ratios"]["train_over_physics"] is None
    assert (tmp_path / "now.png").stat().st_size > 1000

    for row in found["rows"]:
        row["turns"] = [speed * (10 if row["what"] == "physics" else 1) for speed in row["turns"]]
    (tmp_path / "before.json").write_text(json.dumps(found))
    slower = command(*PHYSICS, "--against", "before.json", "--json", "slower.json")
    assert slower.code == 1
    assert "FAILED" in slower.out
    (change,) = json.loads((tmp_path / "slower.json").read_text())["against"]
    assert change["regression"] is True
    assert change["ratio"] < 0.5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--what", "trian"), "--what trian: no such thing; did you mean 'train'?"),
        (("--engine", "bullet"), "bullet"),
        (("--num-envs", "6"), "num_envs (6) must be a multiple"),
        (("--against", "nowhere.json"), "nowhere.json: cannot read"),
        (("--plot", "speed.txt"), "expected a name that ends in .pdf, .png, .svg"),
        (("--plot", "nowhere/speed.png"), "no such folder"),
        (("--json", "nowhere/speed.json"), "no such folder"),
        (("--gpu", "--engine", "mujoco"), "--gpu measures MJX"),
        (("--config", "none.yaml"), "none.yaml"),
    ],
)
def test_wrong_input_is_exit_2_and_one_message(command, arguments, message, tmp_path):
    done = command("bench", *arguments)
    assert done.code == 2, done.out + done.err
    assert message in done.err
    assert "Traceback" not in done.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--what", "startup"), "starts are not compared; leave --against or --what out"),
        (PHYSICS[1:], "no row of physics that is measured now with 8 environments; it has 512"),
        (("--what", "env", "--num-envs", "8"), "it has no such rows"),
    ],
)
def test_what_has_nothing_to_compare_is_refused_before_anything_runs(
    command, tmp_path, arguments, message
):
    row = Row.of(("physics", "mujoco", None, 512), [1.0], 1.0, 1.0)
    before = BenchResult({"engine": "mujoco"}, "wildrobot", 1, "physics", [row])
    (tmp_path / "before.json").write_text(json.dumps(before.to_json()))
    done = command("bench", *arguments, "--against", "before.json", "--json", "now.json")
    assert done.code == 2, done.out + done.err
    assert message in done.err
    assert not (tmp_path / "now.json").exists()


def test_without_a_gpu_it_is_exit_3_and_says_what_is_missing(command):
    jax = pytest.importorskip("jax")
    if jax.default_backend() == "gpu":
        pytest.skip("there is one")
    done = command("bench", "--gpu")
    assert done.code == 3
    assert done.err.startswith("error: --gpu: ")


def test_a_robot_that_does_not_load_is_refused_before_anything_runs(command):
    done = command("bench", "--what", "physics", "--set", "env.robot=nobody")
    assert done.code == 2
    assert "nobody" in done.err
