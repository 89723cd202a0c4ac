"""`wildrobot eval` on the log of a run on a robot."""

import json
import re
import shutil

import numpy as np
import pytest

pytest.importorskip("onnxruntime")

from wildrobot_cli.config.loader import dump
from wildrobot_cli.runtime.control.estimator import Sensors
from wildrobot_cli.runtime.control.supervisor import Event, Mode, Order
from wildrobot_cli.runtime.log import MODES, RunLog
from wildrobot_cli.simulated.closed_loop import Runtime
from wildrobot_cli.simulated.configuration import simulation_config
from wildrobot_cli.simulated.robot import SimulatedRobot


@pytest.fixture(scope="module")
def logs(bundle, tmp_path_factory):
    """A log of a robot that stands for 3 s in simulation, on targets that hold it."""
    folder = tmp_path_factory.mktemp("logs") / "stood"
    robot: SimulatedRobot = Runtime(bundle, quantized=False).robot
    log = RunLog(folder, bundle.description)
    home = bundle.description.joints.home_target
    states, command = [robot.readout()], np.zeros(3)
    for k in range(150):
        sensors: Sensors = robot.sensors()
        log.add(0.02 * k, 0.0, 1e-3, sensors, Order(home, np.zeros(11), command, Mode.WALKING))
        robot.step(home)
        states.append(robot.readout())
    log.flush([Event(0.0, "walking", ""), Event(3.0, "done", "")])
    log.save()
    truth = {name: np.stack([state[name] for state in states]) for name in states[0]}
    np.savez(folder / "truth.npz", **truth)
    (folder / "env.yaml").write_text(dump(simulation_config(bundle)))
    return folder


@pytest.fixture
def log(logs, tmp_path):
    return shutil.copytree(logs, tmp_path / "stood")


def test_a_simulated_robots_log_gives_every_figure(command, log, tmp_path):
    done = command("eval", "stood", "--json", "out.json")
    assert done.code == 0, done
    results = json.loads((tmp_path / "out.json").read_text())
    figures = results["scenarios"]["log"]
    assert results["passed"] is True
    assert (figures["episodes"], figures["falls"]) == (1, 0)
    assert figures["duty_factor"] == {"left": 1.0, "right": 1.0}
    assert figures["velocity_error_mps"] < 0.01
    assert figures["power_w"] > 0
    assert "successes" in done.out


def test_a_real_robots_log_gives_what_its_sensors_say_and_no_more(command, log, tmp_path):
    command("eval", "stood", "--json", "true.json")
    (log / "truth.npz").unlink()
    done = command("eval", "stood", "--json", "out.json")
    assert done.code == 0, done
    figures = json.loads((tmp_path / "out.json").read_text())["scenarios"]["log"]
    truth = json.loads((tmp_path / "true.json").read_text())["scenarios"]["log"]
    assert figures["distance_m"] is None
    assert figures["duty_factor"] == {"left": None, "right": None}
    assert figures["power_w"] is None
    assert figures["torque_rms_nm"]["mean"] == pytest.approx(
        truth["torque_rms_nm"]["mean"], abs=0.1
    )
    assert figures["heading_drift_deg"] == pytest.approx(truth["heading_drift_deg"], abs=0.5)


def happened(log, *causes):
    (log / "events.jsonl").write_text("".join(json.dumps({"cause": c}) + "\n" for c in causes))


def change_modes(log, change):
    with np.load(log / "log.npz", allow_pickle=False) as file:
        rows = dict(file)
    change(rows["mode"])
    np.savez(log / "log.npz", **rows)


@pytest.mark.parametrize("simulated", [True, False])
@pytest.mark.parametrize("cause", ["tilt", "emergency", "program"])
def test_a_robot_that_stopped_itself_fails_the_gate(command, log, simulated, cause):
    if not simulated:
        (log / "truth.npz").unlink()
    happened(log, "walking", "command", cause, "stopped")
    done = command("eval", "stood")
    assert done.code == 1, done
    assert "FAILED" in done.out


@pytest.mark.parametrize("causes", [(), ("walking",), ("walking", "clamp", "command")])
def test_a_log_that_does_not_say_how_it_ended_fails_the_gate(command, log, tmp_path, causes):
    happened(log, *causes)
    done = command("eval", "stood", "--json", "out.json")
    assert done.code == 1, done
    figures = json.loads((tmp_path / "out.json").read_text())["scenarios"]["log"]
    assert figures["fall_causes"] == {"cut off": [3.0]}


def test_a_simulation_that_was_not_the_policys_is_refused(command, log):
    text = (log / "env.yaml").read_text()
    changed = re.sub(r"(?m)^control_period: .*$", "control_period: 0.01", text)
    assert changed != text
    (log / "env.yaml").write_text(changed)
    done = command("eval", "stood")
    assert done.code == 2
    assert "env.yaml: env.control_period: expected 0.02 as in policy.json, got 0.01" in done.err


def test_a_stop_before_the_walk_fails_the_gate_and_gives_no_figures(command, log, tmp_path):
    happened(log, "sensor", "stopped")

    def stop_early(modes):
        modes[:50] = MODES.index(Mode.STARTING)
        modes[50:] = MODES.index(Mode.STOPPED)

    change_modes(log, stop_early)
    done = command("eval", "stood", "--json", "out.json")
    assert done.code == 1, done
    figures = json.loads((tmp_path / "out.json").read_text())["scenarios"]["log"]
    assert (figures["falls"], figures["torque_rms_nm"]["mean"]) == (1, None)


def test_what_came_after_the_first_stop_is_not_measured(command, log, tmp_path):
    (log / "truth.npz").unlink()
    happened(log, "walking", "hand", "stopped", "reset", "walking", "tilt", "stopped")

    def stop_between(modes):
        modes[50:60] = MODES.index(Mode.STOPPED)

    change_modes(log, stop_between)
    with np.load(log / "log.npz", allow_pickle=False) as file:
        rows = dict(file)
    rows["encoders"][60:] += np.linspace(0, 50, 90)[:, None]  # fast, but later
    np.savez(log / "log.npz", **rows)
    done = command("eval", "stood", "--json", "out.json")
    assert done.code == 0, done
    figures = json.loads((tmp_path / "out.json").read_text())["scenarios"]["log"]
    assert figures["joint_speed_p99_rps"] < 10


def test_an_emergency_within_a_wanted_stop_is_no_success(command, log):
    happened(log, "walking", "done", "emergency")
    assert command("eval", "stood").code == 1


@pytest.mark.parametrize(
    ("option", "value"),
    [("--episodes", "3"), ("--scenario", "all"), ("--scenario", "flat"), ("--set", "seed=1")],
)
def test_options_that_would_change_what_was_measured_are_refused(command, log, option, value):
    done = command("eval", "stood", option, value)
    assert done.code == 2
    assert f"{option} does not go with a log: what was measured then cannot be changed" in done.err


def test_a_damaged_log_is_exit_code_2(command, log):
    (log / "log.npz").write_bytes(b"rubbish")
    done = command("eval", "stood")
    assert done.code == 2
    assert "stood: not a readable log" in done.err


def change(log, file, edit):
    """Rewrite a file's arrays by `edit`, which may change them in place."""
    with np.load(log / file, allow_pickle=False) as old:
        arrays = dict(old)
    np.savez(log / file, **(edit(arrays) or arrays))


def setting(name, place, value):
    """An edit that sets part of an array."""
    return lambda arrays: arrays[name].__setitem__(place, value)


def cut(count, *names):
    """An edit that keeps the first rows, of all arrays or those named."""
    return lambda arrays: {
        name: rows[:count] if name in (names or arrays) else rows for name, rows in arrays.items()
    }


def without(name):
    return lambda arrays: {key: rows for key, rows in arrays.items() if key != name}


@pytest.mark.parametrize(
    ("file", "edit", "message"),
    [
        ("log.npz", without("tick"), "not a readable log: no array 'tick'"),
        ("log.npz", cut(10, "mode"), "mode: expected int64 of shape (150,), got int64 of shape"),
        ("log.npz", setting("time", slice(50, 90), 0.0), "time: does not grow from row to row"),
        ("log.npz", setting("time", -1, np.nan), "time: does not grow from row to row"),
        ("log.npz", setting("tick", slice(50, 90), 0), "tick: does not grow from row to row"),
        ("log.npz", setting("tick", slice(None), -1), "never gave a reading while it walked"),
        ("log.npz", setting("tick", -1, 10**12), "150 control periods, the log has 1000000000001"),
        ("log.npz", setting("tick", -1, 2**63 - 1), "150 control periods, the log has 922337"),
        ("log.npz", setting("mode", 3, 7), "mode: expected 0 .. 3"),
        ("truth.npz", cut(1), "truth.npz: 0 control periods, the log has 150"),
        ("truth.npz", cut(50), "truth.npz: 49 control periods, the log has 150"),
        ("truth.npz", cut(50, "qvel"), "truth.npz: qvel: expected float32 of shape (151, 17)"),
        ("truth.npz", without("qvel"), "not a readable log: truth.npz: no array 'qvel'"),
        ("truth.npz", without("qpos"), "not a readable log: truth.npz: no array 'qpos'"),
    ],
)
def test_rows_that_no_run_writes_are_refused_by_name(command, log, file, edit, message):
    change(log, file, edit)
    done = command("eval", "stood")
    assert done.code == 2, done
    assert done.err.startswith("error: stood: ")
    assert message in done.err
    assert done.err.count("\n") == 1


@pytest.mark.parametrize("left", [0, 10, 0.5, 0.99])
def test_states_that_were_cut_off_are_named(command, log, left):
    whole = (log / "truth.npz").read_bytes()
    (log / "truth.npz").write_bytes(
        whole[: left if isinstance(left, int) else int(left * len(whole))]
    )
    done = command("eval", "stood")
    assert done.code == 2
    assert "stood: not a readable log: truth.npz: not an .npz file, or damaged" in done.err


def test_states_without_their_configuration_are_not_used(command, log, tmp_path):
    (log / "env.yaml").unlink()
    (log / "truth.npz").write_bytes(b"")
    done = command("eval", "stood", "--json", "out.json")
    assert done.code == 0, done
    assert json.loads((tmp_path / "out.json").read_text())["scenarios"]["log"]["power_w"] is None


def test_a_robot_that_fell_unnoticed_fails_the_gate(command, log, tmp_path):
    change(log, "truth.npz", setting("qpos", (slice(100, None), slice(3, 7)), [0.7, 0.7, 0, 0]))
    done = command("eval", "stood", "--json", "out.json")
    assert done.code == 1, done
    assert "2.0 s after its first step: by its recorded states: tilted" in done.out


def test_an_emergency_stop_of_the_owner_is_called_that(command, log):
    event = {"time": 3.0, "cause": "emergency", "detail": "by key"}
    (log / "events.jsonl").write_text(json.dumps(event) + "\n")
    done = command("eval", "stood")
    assert done.code == 1, done
    assert "its owner's emergency stop; events.jsonl says by which key" in done.out
    assert "stopped itself" not in done.out


def test_a_robot_that_was_never_heard_left_no_control_step(command, log):
    change(log, "log.npz", lambda rows: {k: v[:0] if v.ndim else v for k, v in rows.items()})
    (log / "events.jsonl").unlink()
    done = command("eval", "stood")
    assert done.code == 2
    assert done.err == "error: stood: holds no control step: the robot was not heard\n"
