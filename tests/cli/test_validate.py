"""`wildrobot validate` in a fresh process, as a user runs it before training."""

import json
import subprocess
import sys

import pytest

from wildrobot_cli.config.resources import asset_dir


@pytest.fixture(scope="module")
def validated(tmp_path_factory):
    """The whole of it but speed, on the packaged robot: the gates are the project's own."""
    folder = tmp_path_factory.mktemp("empty")
    arguments = ["validate", "--mode", "all", "--skip-bench", "--json", "found.json"]
    command = [sys.executable, "-m", "wildrobot_cli", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done, json.loads((folder / "found.json").read_text())


@pytest.mark.long
def test_packaged_robot_passes(validated):
    done, found = validated
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert found["passed"] is True
    assert {mode: result["passed"] for mode, result in found["modes"].items()} == {
        "smoke": True,
        "equivalence": True,
        "jit": True,
    }


@pytest.mark.long
@pytest.mark.parametrize("run", ["single_step", "free_running"])
def test_mjx_is_mujoco_to_ten_digits(validated, run):
    found = validated[1]["modes"]["equivalence"]
    assert (found["reference"], found["candidate"]) == ("mujoco", "mjx")
    assert (found["precision"], found["steps"], found["envs"]) == ("float64", 50, 8)
    assert found["contact"] > 0.5
    assert found[run]["done_agreement"] == 1.0
    gaps = found[run]["max_abs_diff"]
    assert set(gaps) == {"obs", "reward", "qpos", "qvel", "sensordata"}
    assert max(gaps.values()) < 1e-10
    assert max(gaps.values()) > 0, "two engines that agree to the last bit are one engine"


@pytest.mark.long
def test_single_precision_steps_are_equal_to_a_thousandth(validated):
    single = validated[1]["modes"]["equivalence"]["single_precision"]
    assert single["precision"] == "float32"
    assert single["single_step"]["relative"] < 1e-3
    assert single["single_step"]["done_agreement"] == 1.0


@pytest.mark.long
def test_training_settings_are_reported(validated):
    found = validated[1]["modes"]["equivalence"]
    training = found["at_training_settings"]
    assert training["solver"]["mjx"]["iterations"] == 6
    assert training["precision"] == "float32"
    assert {"single_step", "free_running", "terms"} <= set(training)
    assert set(training["terms"]) == set(found["terms"])


@pytest.mark.long
def test_jit_found_what_was_promised(validated):
    found = validated[1]["modes"]["jit"]
    assert found["recompiles_after_warmup"] == 0
    for key in ("max_abs_diff_eager", "max_abs_diff_vmap", "max_abs_diff_scan"):
        assert found[key] < 1e-10


@pytest.mark.long
def test_table_says_it_at_a_glance(validated):
    out = validated[0].stdout
    for words in ("smoke", "equivalence", "float64 trajectories", "eager = compiled", "passed"):
        assert words in out
    assert "FAILED" not in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--mode", "equivalance"), "no such mode; did you mean 'equivalence'?"),
        (("--mode", "performance", "--skip-bench"), "leaves nothing"),
        (("--tolerance", "-1"), "--tolerance: expected a number above 0, got -1.0"),
        (("--tolerance", "nan"), "--tolerance: expected a number above 0, got nan"),
        (("--robot", "wildrobo"), "did you mean 'wildrobot'?"),
        (("--robot", "odd: name #1.yaml"), "odd: name #1.yaml: no such robot"),
        (("--robot", str(asset_dir() / "wildrobot.xml")), "expected a robot's YAML file, which"),
        (("--impl", "warp", "--x64", "--mode", "equivalence"), "use --x32"),
        (("--json", "nowhere/found.json"), "no such folder"),
    ],
)
def test_wrong_arguments_are_refused(command, arguments, message):
    done = command("validate", *arguments)
    assert done.code == 2
    assert done.err.startswith("error: ")
    assert message in done.err


@pytest.mark.long
def test_failed_gate_is_exit_code_1(command, tmp_path):
    arguments = ("--mode", "smoke", "--num-envs", "1", "--num-steps", "3", "--json", "found.json")
    limits = "env.terminations={tilted: {limit: 4.0}, too_low: {limit: 0.3}}"  # no lean is that far
    done = command("validate", *arguments, "--set", limits)
    assert done.code == 1, done
    assert "FAILED: smoke" in done.out
    assert json.loads((tmp_path / "found.json").read_text())["passed"] is False


@pytest.mark.long
def test_a_disturbed_environment_is_judged_by_what_its_robot_does_undisturbed(command):
    """On ground that is not level, pushed, through a slow link: the home pose need not stand."""
    arguments = ("--mode", "smoke", "--num-envs", "1", "--num-steps", "3")
    done = command("validate", "--config", "ppo_robust.yaml", *arguments)
    assert done.code == 0, done


@pytest.mark.slow
def test_another_robot_is_told_what_breaks_equality(command, tmp_path, biped):
    arguments = ("--mode", "equivalence", "--num-envs", "2", "--num-steps", "20")
    done = command("validate", "--robot", str(biped), *arguments, "--json", "found.json")
    assert done.code == 1, done
    found = json.loads((tmp_path / "found.json").read_text())["modes"]["equivalence"]
    assert len(found["breakers"]) == 2
    assert found["without_breakers"] < 1e-10
    assert found["boundaries"][0]["part"] == "physics"
    for words in ("left_box, right_box", "spheres", "kv", "without features of that kind"):
        assert words in done.out
