"""However a run ends, the servos end without torque; screen and disk cannot keep a stop waiting."""

import dataclasses
import json
import os
import re
import shutil
import threading
import time

import pytest
from rigs import Clock, StandingRobot

pytest.importorskip("onnxruntime")

import numpy as np

from wildrobot_cli.errors import ConfigError, EnvironmentUnavailable
from wildrobot_cli.runtime import session
from wildrobot_cli.runtime.session import Display, run_session

QUIET = Display(lambda line: None, lambda event: None)


class Robot(StandingRobot):
    """A standing robot whose servos must not be left under torque."""

    def __init__(self, description):
        super().__init__(description, Clock())
        self.moving = threading.Event()

    def write(self, targets):
        super().write(targets)
        if len(self.written.targets) > 5:
            self.moving.set()


class Scene:
    """A run in real time, of a bundle whose limits do not mind a busy machine."""

    def __init__(self, bundle, folder):
        safety = dataclasses.replace(
            bundle.description.safety, startup_time=0.2, soft_stop_time=0.2, missed_deadline=60.0
        )
        description = dataclasses.replace(bundle.description, safety=safety)
        self.bundle = dataclasses.replace(bundle, description=description)
        self.robot, self.folder = Robot(description), folder

    def run(self, display=QUIET, seconds=1.0):
        command = self.bundle.description.commands.lowest
        return run_session(self.bundle, self.robot, self.folder, command, display, seconds)

    def causes(self):
        lines = (self.folder / "events.jsonl").read_text().splitlines()
        return [json.loads(line)["cause"] for line in lines]


@pytest.fixture
def scene(bundle, tmp_path):
    scene = Scene(bundle, tmp_path / "log")
    yield scene
    threads = [t for t in threading.enumerate() if t.name in ("control", "keys")]
    assert threads == []


@pytest.fixture
def keyboard(monkeypatch):
    """The writing end of a terminal that is the standard input."""
    ours, theirs = os.openpty()
    with open(theirs) as stdin, open(ours, "wb", buffering=0) as master:
        monkeypatch.setattr("sys.stdin", stdin)
        yield master


def after_moving(scene, act):
    """Do something once the robot moves; return the thread that does it."""

    def wait_and_act():
        assert scene.robot.moving.wait(30)
        act()

    thread = threading.Thread(target=wait_and_act)
    thread.start()
    return thread


def test_a_broken_pipe_does_not_disturb_the_robot(scene):
    shown = []

    def broken(line):
        shown.append(line)
        raise BrokenPipeError

    outcome = scene.run(Display(broken, broken), seconds=0.3)
    assert outcome.passed
    assert scene.causes() == ["walking", "done", "stopped"]
    assert len(shown) == 1
    assert not scene.robot.written.torque
    assert (scene.folder / "log.npz").is_file()


def test_a_log_that_cannot_be_written_stops_softly_and_is_one_message(scene):
    def remove(line):
        if scene.robot.moving.is_set():
            shutil.rmtree(scene.folder, ignore_errors=True)

    with pytest.raises(EnvironmentUnavailable, match=r"events\.jsonl: cannot write: No such file"):
        scene.run(Display(remove, lambda event: None), seconds=60.0)
    assert not scene.robot.written.torque


def test_a_program_that_fails_stops_softly_and_saves_the_log(scene):
    def broken(line):
        if scene.robot.moving.is_set():
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        scene.run(Display(broken, lambda event: None), seconds=60.0)
    assert not scene.robot.written.torque
    assert scene.causes()[-2:] == ["program", "stopped"]
    assert (scene.folder / "log.npz").is_file()


def test_a_loop_that_hangs_when_the_program_fails_loses_its_torque_at_once(scene, monkeypatch):
    monkeypatch.setattr(session, "PATIENCE", 0.1)
    go_on, stopped = threading.Event(), threading.Event()
    honest_read, honest_stop = scene.robot.read, scene.robot.stop

    def hang(timeout):
        if scene.robot.moving.is_set():
            go_on.wait(30)
        return honest_read(timeout)

    def stop():
        honest_stop()
        stopped.set()

    def broken(line):
        if scene.robot.moving.is_set():
            raise ZeroDivisionError

    scene.robot.read, scene.robot.stop = hang, stop
    try:
        with pytest.raises(ZeroDivisionError):
            scene.run(Display(broken, lambda event: None), seconds=60.0)
        assert stopped.is_set()
        assert not scene.robot.written.torque
    finally:
        go_on.set()
    for thread in threading.enumerate():
        if thread.name == "control":
            thread.join(10)
    assert not scene.robot.written.torque


def test_enter_takes_the_torque_off_while_the_screen_is_held(scene, keyboard):
    let_go, held = threading.Event(), threading.Event()

    def hold(line):
        if scene.robot.moving.is_set():
            held.set()
            let_go.wait(30)

    seen = []

    def press():
        assert held.wait(30)
        keyboard.write(b"\nq\n")
        deadline = time.monotonic() + 5
        while scene.robot.written.torque and time.monotonic() < deadline:
            time.sleep(0.01)
        seen.append(scene.robot.written.torque)
        let_go.set()

    presser = after_moving(scene, press)
    outcome = scene.run(Display(hold, lambda event: None), seconds=60.0)
    presser.join(10)
    assert seen == [False]
    assert outcome.trip.cause == "emergency"


def test_an_emergency_typed_ahead_of_a_reset_holds(scene, keyboard):
    def press():
        keyboard.write(b"\nr\n")
        time.sleep(0.5)
        keyboard.write(b"q\n")

    presser = after_moving(scene, press)
    outcome = scene.run(seconds=60.0)
    presser.join(10)
    assert outcome.trip.cause == "emergency"
    assert "reset" not in scene.causes()


def test_the_end_of_the_input_is_no_emergency(scene, keyboard):
    presser = after_moving(scene, lambda: keyboard.write(b"\x04"))
    outcome = scene.run(seconds=0.5)
    presser.join(10)
    assert outcome.passed
    assert scene.causes() == ["walking", "done", "stopped"]


def test_keys_are_heard_after_the_end_of_the_input(scene, keyboard):
    def press():
        keyboard.write(b"\x04")
        time.sleep(0.3)
        keyboard.write(b"\n")

    presser = after_moving(scene, press)
    outcome = scene.run(seconds=60.0)
    presser.join(10)
    assert outcome.trip.cause == "emergency"


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("beyond", [-10.0, 10.0, np.nan])
def test_a_command_outside_the_training_is_refused_before_anything_moves(scene, place, beyond):
    commands = scene.bundle.description.commands
    command = commands.lowest.copy()
    command[place] = beyond
    name = ("forward", "left", "turn")[place]
    low, high = commands.lowest[place], commands.highest[place]
    message = f"command: {name} {beyond:g}: the policy was trained for {low:g} .. {high:g}"
    with pytest.raises(ConfigError, match=re.escape(message)):
        run_session(scene.bundle, scene.robot, scene.folder, command, QUIET)
    assert scene.robot.written.targets == []
    assert not scene.folder.exists()
