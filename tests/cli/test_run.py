"""`wildrobot run` on a simulated robot, as a user types it."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

pytest.importorskip("onnxruntime")

from wildrobot_cli.runtime.bundles.bundle import checksums
from wildrobot_cli.simulated.closed_loop import Runtime
from wildrobot_cli.simulated.robot import STATE


@pytest.fixture
def walker(bundle_folder, tmp_path):
    import shutil

    shutil.copytree(bundle_folder, tmp_path / "walker")
    (tmp_path / "walker.zip").touch()
    (tmp_path / "notes.txt").write_text("not to be lost")
    return tmp_path


SHORT = ("walker", "--forward", "0.2", "--seconds", "0.5")
REAL = ("walker", "--bus", "a", "--imu", "b", "--calibration", "c")


def run(folder, *options, **more):
    command = [sys.executable, "-m", "wildrobot_cli", "run", *options]
    return subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **more,
    )


def test_a_simulated_robot_is_led_home_runs_the_policy_and_leaves_a_log(walker):
    process = run(walker, *SHORT, "--log", "log", "--json", "o.json")
    out, err = process.communicate(timeout=60)
    assert err == ""
    assert "walking: in the home pose" in out
    assert "wildrobot eval log" in out
    files = {path.name for path in (walker / "log").iterdir()}
    assert files == {"log.npz", "events.jsonl", "truth.npz", "env.yaml"}
    assert not (walker / "robot-logs").exists()
    events = [json.loads(line) for line in (walker / "log/events.jsonl").read_text().splitlines()]
    assert [events[0]["cause"], events[-1]["cause"]] == ["walking", "stopped"]
    with np.load(walker / "log/log.npz", allow_pickle=False) as log:
        walking = log["mode"] == 1
        assert np.isfinite(log["action"][walking][1:]).all()
        assert log["command"][walking][-1, 0] == pytest.approx(0.2)
    results = json.loads((walker / "o.json").read_text())
    assert (results["log"], results["signal"]) == ("log", None)
    assert results["stopped_by"]["cause"] in ("done", "tilt", "torque", "late")
    assert results["passed"] is (process.returncode == 0)
    # A policy of three iterations may fall; then the robot stopped itself, and says so.
    assert process.returncode == (1 if "FAILED" in out else 0)


def test_targets_take_effect_at_once_as_they_did_in_training(walker, bundle):
    process = run(walker, "walker", "--forward", "0.2", "--seconds", "0.3", "--log", "log")
    process.communicate(timeout=60)
    robot, gaps = Runtime(bundle, quantized=False).robot, []
    with np.load(walker / "log/log.npz") as log, np.load(walker / "log/truth.npz") as truth:
        rows = np.flatnonzero(np.isfinite(log["targets"]).all(axis=1) & (log["tick"] >= 0))
        for row in rows[5:-5]:
            tick = log["tick"][row]
            robot.put(*(truth[name][tick] for name in STATE))
            robot.step(log["targets"][row])
            gaps.append(np.abs(robot.readout()["qpos"] - truth["qpos"][tick + 1]).max())
    assert len(gaps) > 50
    assert np.median(gaps) < 1e-6


def test_ctrl_c_stops_softly_and_saves_the_log(walker):
    process = run(walker, "walker", "--log", "log", "--forward", "0.1", bufsize=1)
    deadline = time.monotonic() + 60
    while not (walker / "log/policy.json").is_file() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130, out
    assert "hand: SIGINT" in out
    assert (walker / "log/log.npz").is_file()


def test_a_run_that_is_killed_leaves_a_log_that_eval_reads(walker, command):
    process = run(walker, "walker", "--log", "log", "--forward", "0.1")
    deadline = time.monotonic() + 60
    rows = walker / "log" / "rows.bin"
    while not (rows.is_file() and rows.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(3.5)  # it is led home in 2 s, and rows are written each second
    process.kill()
    process.communicate(timeout=60)
    assert not (walker / "log" / "log.npz").exists()
    done = command("eval", "log")
    assert done.code == 1, done
    assert "0 of 1" in done.out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("nothing",), "nothing: no such bundle"),
        ((*SHORT, "--log", "walker.zip"), "--log walker.zip: exists already"),
        ((*SHORT, "--log", "walker/log"), "--log walker/log: lies inside the bundle"),
        (("walker", "--bus", "/dev/null"), "--bus needs --imu"),
        (("walker", "--bus", "a", "--imu", "b"), "--bus needs --calibration"),
        (("walker", "--imu", "b"), "--imu needs --bus"),
        (("walker", "--seconds", "-3"), "--seconds: expected a number above 0, got -3"),
        (("walker", "--seconds", "nan"), "--seconds: expected a number above 0, got nan"),
        (("walker", "--latency", "inf"), "--latency: expected a time in 0 .. 1 s, got inf"),
        (("walker", "--latency", "1e9"), "--latency: expected a time in 0 .. 1 s, got 1e+09"),
        ((*REAL, "--latency", "0.1"), "--latency does not go with --bus"),
        ((*REAL, "--drop", "0.1"), "--drop does not go with --bus"),
        ((*REAL, "--robot", "wildrobot"), "--robot does not go with --bus"),
        (("walker", "--json", "no/out.json"), "--json no/out.json: no such folder"),
        ((*SHORT, "--json", "walker/a.json"), "--json walker/a.json: lies inside walker"),
        ((*SHORT, "--json", "walker/README.md"), "--json walker/README.md: lies inside walker"),
        ((*SHORT, "--json", "notes.txt"), "--json notes.txt: holds something else than results"),
        ((*REAL, "--json", "./c"), "--json c: is the --calibration; choose another name"),
        (("walker",), "the policy was never trained to stand still: give it a velocity"),
        ((*SHORT, "--int8", "--robot", "wildrobt"), "did you mean 'wildrobot'?"),
    ],
)
def test_bad_input_is_exit_code_2_and_one_message(walker, command, options, message):
    before = sorted(walker.rglob("*"))
    done = command("run", *options)
    assert done.code == 2, done
    assert message in done.err
    assert done.err.count("\n") == 1
    assert sorted(walker.rglob("*")) == before


def test_a_robot_with_other_limits_is_refused_by_name(walker, root):
    xml = (root / "assets/wildrobot.xml").read_text()
    (walker / "wildrobot.xml").write_text(xml.replace('range="0 2.09"', 'range="0 2.0"'))
    (walker / "mine.yaml").write_text((root / "assets/wildrobot.yaml").read_text())
    process = run(walker, *SHORT, "--robot", "mine.yaml")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert not (walker / "robot-logs").exists()
    assert "joint 'left_knee_pitch': limits 0.0 .. 2.09 rad in the policy, 0.0 .. 2.0" in err


def test_a_reader_that_goes_away_does_not_cut_the_run_short(walker):
    process = run(walker, "walker", "--forward", "0.2", "--seconds", "0.3", "--log", "log")
    for _ in range(2):  # what it says before the robot moves
        process.stdout.readline()
    process.stdout.close()
    err = process.stderr.read()
    process.wait(60)
    assert "Traceback" not in err
    assert (walker / "log").is_dir(), err
    assert {path.name for path in (walker / "log").iterdir()} >= {"log.npz", "truth.npz"}
    causes = [
        json.loads(line)["cause"] for line in (walker / "log/events.jsonl").read_text().splitlines()
    ]
    assert causes[0] == "walking"
    assert causes[-1] == "stopped"
    assert "program" not in causes


def test_a_robot_other_than_the_described_one_is_refused_by_name(walker, root):
    config = (walker / "walker/config.yaml").read_text()
    (walker / "walker/config.yaml").write_text(
        config.replace("  robot: wildrobot\n", f"  robot: {walker / 'mine.yaml'}\n")
    )
    xml = (root / "assets/wildrobot.xml").read_text()
    assert xml.count('kp="21.1"') == 1
    (walker / "wildrobot.xml").write_text(xml.replace('kp="21.1"', 'kp="42"'))
    (walker / "mine.yaml").write_text((root / "assets/wildrobot.yaml").read_text())
    files = {p.name: p.read_bytes() for p in (walker / "walker").iterdir()}
    files.pop("SHA256SUMS")
    (walker / "walker/SHA256SUMS").write_text(checksums(files))
    _, err = (process := run(walker, *SHORT)).communicate(timeout=60)
    assert process.returncode == 2
    assert "joint 'waist_yaw': kp 21.1 in policy.json, 42 on the robot 'wildrobot'" in err


def test_a_policy_of_8_bits_is_held_against_the_golden_trace_before_it_runs(
    walker, command, monkeypatch
):
    from wildrobot_cli.runtime import golden

    monkeypatch.setattr(golden, "QUANTIZED_RMS", -1.0)
    done = command("run", *SHORT, "--int8")
    assert done.code == 2
    assert "not the policy of 8 bits that was exported" in done.err
    assert not (walker / "robot-logs").exists()


def train_on(walker, root, change):
    """Let a bundle's policy come from a robot of one's own; its checksums fit."""
    (walker / "wildrobot.xml").write_text((root / "assets/wildrobot.xml").read_text())
    (walker / "mine.yaml").write_text(change((root / "assets/wildrobot.yaml").read_text()))
    file = walker / "walker/config.yaml"
    before, mine = "  robot: wildrobot\n", f"  robot: {walker / 'mine.yaml'}\n"
    assert before in file.read_text()
    file.write_text(file.read_text().replace(before, mine))
    files = {p.name: p.read_bytes() for p in file.parent.iterdir() if p.name != "SHA256SUMS"}
    (file.parent / "SHA256SUMS").write_text(checksums(files))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda text: text.replace("name: wildrobot\n", "name: other\n", 1),
            "a policy for the robot 'wildrobot', the simulated one is 'other'",
        ),
        (
            lambda text: text + "# heavier feet\n",
            "robot 'wildrobot' is not as it was in the training: its MJCF or robot YAML differs",
        ),
    ],
)
def test_a_simulated_robot_that_is_not_the_policys_has_to_be_asked_for(
    walker, command, root, change, message, monkeypatch
):
    train_on(walker, root, change)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    done = command("run", *SHORT)
    assert done.code == 2, done
    assert message in done.err
    assert f"--robot {walker / 'mine.yaml'} simulates it all the same" in done.err
    assert not (walker / "robot-logs").exists()
    done = command("run", *SHORT, "--robot", "mine.yaml")
    assert done.err == "error: the simulated robot ended before it answered\n"


def test_a_simulated_robot_that_ends_at_its_start_is_not_waited_for(walker, command, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    begun = time.monotonic()
    done = command("run", *SHORT)
    assert time.monotonic() - begun < 20
    assert done.code == 3
    assert done.err == "error: the simulated robot ended before it answered\n"
    assert not (walker / "robot-logs").exists()


def test_a_simulated_robot_that_hangs_keeps_nobody_waiting_for_long(tmp_path):
    from wildrobot_cli.commands.run import _Room, _say_goodbye

    class Robot:
        def close(self):
            pass

    with subprocess.Popen(["sleep", "60"]) as process:
        begun = time.monotonic()
        _say_goodbye(Robot(), _Room(tmp_path, process), tmp_path)
        process.kill()
    assert time.monotonic() - begun < 4


FULL = """
import resource, sys
from wildrobot_cli.commands import run
from wildrobot_cli.__main__ import main

def full():
    resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))

session = run.run_session
{when}
main()
"""
"""A program whose files end at a size: as on a full disk, a part of them is written."""
NOW = "full()"
WALKING = "run.run_session = lambda *ways: (full(), session(*ways))[1]  # the simulation has begun"


def run_full(folder, limit, when, *options):
    program = FULL.format(limit=limit, when=when)
    process = subprocess.run(
        [sys.executable, "-c", program, "run", "walker", "--forward", "0.2", *options],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    return process.returncode, process.stdout, process.stderr


def test_a_full_disk_under_the_log_is_what_is_reported(walker, command):
    code, out, err = run_full(walker, 20_000, WALKING, "--log", "log", "--seconds", "3")
    assert (code, err) == (3, "error: log/rows.bin: cannot write: File too large\n"), out
    left = {path.name for path in (walker / "log").iterdir()}
    assert not {name for name in left if "truth" in name}
    assert {"rows.bin", "policy.json", "events.jsonl"} <= left
    done = command("eval", "log")
    assert (done.code, done.err) == (1, "")
    assert "0 of 1" in done.out


def test_true_states_that_could_not_be_saved_are_said_to_be_missing(walker, command):
    code, out, err = run_full(walker, 60_000, NOW, "--log", "log", "--seconds", "0.5")
    assert code == (1 if "FAILED" in out else 0), err
    assert err == (
        "warning: log/truth.npz: missing, the simulated robot's true states could not be saved: "
        "`wildrobot eval` will measure by its sensors alone\n"
    )
    assert "log.npz" in {path.name for path in (walker / "log").iterdir()}
    assert "truth.npz" not in {path.name for path in (walker / "log").iterdir()}
    assert command("eval", "log").err == ""


def test_a_name_that_the_terminal_cannot_write_costs_nothing(walker):
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    process = run(walker, *SHORT, "--log", "l\xf6g", "--json", "o.json", env=environment)
    out, err = process.communicate(timeout=60)
    assert err == ""
    assert "wildrobot eval l\\xf6g" in out
    assert json.loads((walker / "o.json").read_text())["log"] == "l\xf6g"


def test_results_are_written_before_anything_is_said(tmp_path, monkeypatch):
    from wildrobot_cli.cli import run_view
    from wildrobot_cli.commands.run import RunRequest
    from wildrobot_cli.runtime.session import Outcome

    def gone(*_):
        raise OSError("nobody reads this")

    monkeypatch.setattr(run_view, "run_bundle", lambda *_: Outcome(tmp_path, None, None))
    monkeypatch.setattr(run_view, "_say", gone)
    ways = (None, None, None, None, 0.0, 0.0)
    request = RunRequest(tmp_path / "b", (0.1, 0.0, 0.0), 1.0, None, False, *ways)
    with pytest.raises(OSError, match="nobody"):
        run_view.run_and_show(request, tmp_path / "o.json")
    assert json.loads((tmp_path / "o.json").read_text())["passed"] is True


def test_a_robot_that_is_never_heard_leaves_a_log_that_says_so(walker, command):
    process = run(walker, *SHORT, "--drop", "1", "--log", "log")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 3
    assert "never heard: the simulated robot" in err
    done = command("eval", "log")
    assert (done.code, done.err) == (
        2,
        "error: log: holds no control step: the robot was not heard\n",
    )
