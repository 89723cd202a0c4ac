"""The commands do what they promise, and say it readably."""

import dataclasses
import json
import os
import re
import statistics
import subprocess
import sys
import time

import pytest

CONTROL = re.compile(r"\x1b|\r")
EMPTY_APP = """
import typer
app = typer.Typer()
@app.command()
def one(): ...
@app.command()
def two(): ...
app()
"""


@pytest.fixture(scope="module")
def verified(tmp_path_factory):
    """`wildrobot train --verify` in a fresh process and an empty folder, piped."""
    folder = tmp_path_factory.mktemp("empty")
    command = [sys.executable, "-m", "wildrobot_cli", "train", "--verify", "--json", "out.json"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return folder, done


@pytest.mark.long
def test_verify_trains_and_measures_and_leaves_nothing_behind(verified):
    folder, done = verified
    assert done.returncode == 0, done.stderr
    assert [path.name for path in folder.iterdir()] == ["out.json"]
    results = json.loads((folder / "out.json").read_text())
    assert results["finished"]
    assert results["eval"]["flat"]["episodes"] == 4


@pytest.mark.long
def test_piped_output_is_plain_text(verified):
    _, done = verified
    assert not CONTROL.search(done.stdout)
    assert re.search(r"steps [\d,]+/[\d,]+  steps/s [\d,]+", done.stdout)
    assert "warp" not in done.stdout + done.stderr
    assert done.stderr == ""


def test_eval_writes_the_promised_keys(command, run, tmp_path):
    """Under no gate but one that all pass: which others an untrained robot passes is luck."""
    limits = """torque_saturation overspeed overtorque torque_rms_nm.mean torque_rms_nm.worst
        velocity_error_mps yaw_rate_error_rps heading_drift_deg"""
    gates = {**dict.fromkeys(limits.split()), "success_rate": {"min": 0.0}}
    (tmp_path / "open.yaml").write_text(json.dumps({"base": "flat.yaml", "gates": gates}))
    done = command("eval", "tiny", "--scenario", "open.yaml", "--json", "results.json")
    assert done.code == 0, done
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["passed"] is True
    flat = results["scenarios"]["open"]
    promised = """episodes successes success_rate success_ci95 falls distance_m velocity_error_mps
        yaw_rate_error_rps heading_drift_deg lateral_drift_m torque_rms_nm torque_peak_nm
        torque_saturation power_w cost_of_transport duty_factor double_support flight
        swing_clearance_m foot_slip_mps symmetry_pct alternation"""
    assert {*promised.split()} <= flat.keys()
    assert flat["episodes"] == 2
    assert "successes" in done.out
    assert "velocity error [m/s]" in done.out


def test_a_failed_gate_is_exit_code_1(command, run, tmp_path):
    fall = "env.terminations.tilted.limit=0.0001"  # the robot is never that upright
    done = command("eval", "tiny", "--set", fall, "--json", "results.json")
    assert done.code == 1
    assert "FAILED: flat: success_rate 0, expected at least 0.95" in done.out
    assert json.loads((tmp_path / "results.json").read_text())["passed"] is False


def test_eval_is_the_same_twice(command, run, tmp_path):
    for name in ("one.json", "two.json"):
        command("eval", "tiny", "--json", name)
    assert (tmp_path / "one.json").read_text() == (tmp_path / "two.json").read_text()


def test_train_ends_with_a_table_and_the_next_command(command, tiny_overrides, tmp_path):
    overrides = [part for text in tiny_overrides for part in ("--set", text)]
    done = command("train", "--run", "mine", *overrides)
    assert done.code == (1 if "FAILED" in done.out else 0), done  # so short a training may fail
    assert "wildrobot eval runs/mine" in done.out
    assert "successes" in done.out
    summary = json.loads((tmp_path / "runs/mine/summary.json").read_text())
    assert summary["eval"]["flat"]["episodes"] == 2


@pytest.fixture
def fallen(run, trained, monkeypatch):
    """`train` and `--resume` are done at once, with a policy that falls."""
    text = run.config_file.read_text()
    run.config_file.write_text(re.sub(r"(tilted:.*?limit: )[\d.]+", r"\g<1>0.0001", text))
    assert run.config.env.terminations["tilted"].parameters["limit"] == 0.0001
    result = dataclasses.replace(trained[0], run=str(run.path))
    for name in ("train", "resume"):
        monkeypatch.setattr(f"wildrobot_cli.commands.train.{name}", lambda *_: result)


@pytest.mark.parametrize("options", [("--run", "mine"), ("--resume", "tiny")])
def test_a_training_whose_policy_fails_its_gates_is_exit_code_1(command, fallen, options):
    done = command("train", *options)
    assert done.code == 1
    assert "FAILED: flat: success_rate 0, expected at least 0.95" in done.out
    assert "saved in" in done.out


def test_a_smoke_run_is_held_to_no_gates(command, fallen):
    done = command("train", "--verify")
    assert done.code == 0
    assert "FAILED" not in done.out
    assert "verified: it trains, saves and measures here" in done.out


def test_a_process_that_evaluates_nothing_is_held_to_no_gates(command, fallen, monkeypatch):
    monkeypatch.setattr("wildrobot_cli.training.devices.leads", lambda: False)
    assert command("train", "--run", "mine").code == 0


def test_no_arguments_show_the_help(command):
    done = command()
    assert "train" in done.out + done.err
    assert "eval" in done.out + done.err


def test_an_unexpected_error_is_one_message_without_a_traceback(command, monkeypatch):
    def broken(*_args, **_kwargs):
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("wildrobot_cli.commands.settings.load_config", broken)
    done = command("train")
    assert done.code == 1
    assert done.err.startswith("internal error, please report it: ZeroDivisionError: oops\n")
    assert "Traceback" not in done.err


def test_debug_shows_the_traceback(command, tmp_path):
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command_line = [sys.executable, "-m", "wildrobot_cli", "--debug", "eval", "missing"]
    done = subprocess.run(
        command_line, cwd=tmp_path, capture_output=True, text=True, env=env, check=False
    )
    assert "Traceback" in done.stderr
    assert "RunError" in done.stderr


def test_help_is_nearly_as_fast_as_an_empty_typer_application(tmp_path):
    (tmp_path / "empty.py").write_text(EMPTY_APP)
    ours = [sys.executable, "-m", "wildrobot_cli", "--help"]
    empty = [sys.executable, str(tmp_path / "empty.py"), "--help"]
    times: dict[str, list[float]] = {"ours": [], "empty": []}
    for _ in range(7):
        for name, line in (("ours", ours), ("empty", empty)):
            begin = time.perf_counter()
            subprocess.run(line, capture_output=True, check=True)
            times[name].append(time.perf_counter() - begin)
    assert statistics.median(times["ours"]) < 1.5 * statistics.median(times["empty"])


def test_help_imports_nothing_heavy():
    code = (
        "import sys; sys.argv = ['wildrobot', '--help']\n"
        "from wildrobot_cli.cli.app import app\n"
        "app(standalone_mode=False)\n"
        "print(sorted({'jax', 'mujoco', 'brax', 'numpy', 'pydantic', 'yaml'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
