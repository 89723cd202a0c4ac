"""However a run ends, the servos end without torque; screen and disk cannot keep a stop waiting."""

import os
import re
import shutil
import signal
import termios
import threading
import time

import pytest
from scenes import QUIET, Display, after_moving, fail, scene_of, when_moving

pytest.importorskip("onnxruntime")

import numpy as np

from wildrobot_cli.errors import ConfigError, EnvironmentUnavailable
from wildrobot_cli.runtime import loop, session
from wildrobot_cli.runtime.control.watchdogs import Trip
from wildrobot_cli.runtime.log import RunLog
from wildrobot_cli.runtime.session import Outcome, check_seconds, exit_code, run_session


@pytest.fixture
def scene(bundle, tmp_path):
    with scene_of(bundle, tmp_path) as scene:
        yield scene


@pytest.fixture
def keyboard(monkeypatch):
    """The writing end of a terminal that is the standard input."""
    ours, theirs = os.openpty()
    with open(theirs) as stdin, open(ours, "wb", buffering=0) as master:
        monkeypatch.setattr("sys.stdin", stdin)
        yield master


def becomes(true, seconds=5.0) -> bool:
    """Whether something becomes true in time."""
    deadline = time.monotonic() + seconds
    while not true() and time.monotonic() < deadline:
        time.sleep(0.01)
    return true()


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
    display = when_moving(scene, lambda: shutil.rmtree(scene.folder, ignore_errors=True))
    with pytest.raises(EnvironmentUnavailable, match=r"cannot write: No such file"):
        scene.run(display, seconds=60.0)
    assert not scene.robot.written.torque


def test_a_program_that_fails_stops_softly_and_saves_the_log(scene):
    with pytest.raises(ZeroDivisionError):
        scene.run(when_moving(scene, fail), seconds=60.0)
    assert not scene.robot.written.torque
    assert scene.causes()[-2:] == ["program", "stopped"]
    assert (scene.folder / "log.npz").is_file()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_the_log_is_saved_loses_nothing(scene, monkeypatch, number):
    save = RunLog.save

    def interrupted(log):
        os.kill(os.getpid(), number)
        return save(log)

    monkeypatch.setattr(RunLog, "save", interrupted)
    outcome = scene.run(seconds=0.3)
    assert outcome.passed
    assert outcome.interrupted == number
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

    scene.robot.read, scene.robot.stop = hang, stop
    try:
        with pytest.raises(ZeroDivisionError):
            scene.run(when_moving(scene, fail), seconds=60.0)
        assert stopped.is_set()
        assert not scene.robot.written.torque
    finally:
        go_on.set()
    for thread in threading.enumerate():
        if thread.name == "control":
            thread.join(10)
    assert not scene.robot.written.torque


def hang_when_moving(scene):
    """Have the robot's next reading never come, once it moves, until the event that this gives."""
    go_on, honest = threading.Event(), scene.robot.read

    def hang(timeout):
        if scene.robot.moving.is_set():
            go_on.wait(30)
        return honest(timeout)

    scene.robot.read = hang
    return go_on


def let_go(go_on):
    go_on.set()
    for thread in threading.enumerate():
        if thread.name == "control":
            thread.join(10)


def test_a_loop_that_hangs_is_an_emergency_and_ends_the_run(scene, monkeypatch):
    monkeypatch.setattr(loop, "HUNG", 0.3)
    monkeypatch.setattr(session, "PATIENCE", 0.1)
    go_on = hang_when_moving(scene)
    try:
        outcome = scene.run(seconds=60.0)
        assert not scene.robot.written.torque
        assert (outcome.trip.cause, outcome.passed) == ("emergency", False)
        assert scene.causes()[-1] == "emergency"
        assert (scene.folder / "log.npz").is_file()
    finally:
        let_go(go_on)
    assert not scene.robot.written.torque


def test_a_program_that_was_suspended_under_torque_does_not_walk_on(scene, monkeypatch):
    monkeypatch.setattr(loop, "HUNG", 0.3)
    monkeypatch.setattr(loop.Loop, "hangs", lambda _: False)  # it was suspended as well
    go_on = hang_when_moving(scene)
    after = after_moving(scene, lambda: (time.sleep(0.5), go_on.set()))
    outcome = scene.run(seconds=60.0)
    after.join(10)
    assert outcome.trip.cause == "emergency"
    assert "no control step for" in outcome.trip.detail


@pytest.mark.parametrize("number", [signal.SIGQUIT, signal.SIGTERM])
def test_signals_do_not_wait_for_a_disk(scene, monkeypatch, number):
    go_on, waiting, seen = threading.Event(), threading.Event(), []
    honest = os.fsync

    def stall(file):
        if scene.robot.moving.is_set():
            waiting.set()
            go_on.wait(30)
        honest(file)

    monkeypatch.setattr(os, "fsync", stall)

    def press():
        assert waiting.wait(30)
        os.kill(os.getpid(), number)
        seen.append(becomes(lambda: not scene.robot.written.torque))
        go_on.set()

    presser = after_moving(scene, press)
    outcome = scene.run(seconds=60.0)
    presser.join(10)
    assert seen == [True]
    assert outcome.interrupted == number


def test_a_held_screen_keeps_nothing_from_the_disk(scene):
    let, seen = threading.Event(), []

    def written():
        file = scene.folder / "events.jsonl"
        return file.read_text() if file.exists() else ""

    def press():
        os.kill(os.getpid(), signal.SIGTERM)
        seen.append(becomes(lambda: "hand" in written()))
        let.set()

    presser = after_moving(scene, press)
    scene.run(when_moving(scene, lambda: let.wait(30)), seconds=60.0)
    presser.join(10)
    assert seen == [True]


def test_a_key_needs_no_enter_after_a_shell_changed_the_terminal(scene, keyboard):
    def press():
        settings = termios.tcgetattr(keyboard.fileno())
        settings[3] |= termios.ICANON
        termios.tcsetattr(keyboard.fileno(), termios.TCSANOW, settings)
        time.sleep(0.4)
        keyboard.write(b"x")
        time.sleep(0.4)
        keyboard.write(b"q")

    presser = after_moving(scene, press)
    outcome = scene.run(seconds=5.0)
    presser.join(10)
    assert outcome.trip.cause == "emergency"


def test_enter_takes_the_torque_off_while_the_screen_is_held(scene, keyboard):
    let_go, held = threading.Event(), threading.Event()

    def hold():
        held.set()
        let_go.wait(30)

    seen = []

    def press():
        assert held.wait(30)
        keyboard.write(b"\nq\n")
        seen.append(becomes(lambda: not scene.robot.written.torque))
        let_go.set()

    presser = after_moving(scene, press)
    outcome = scene.run(when_moving(scene, hold), seconds=60.0)
    presser.join(10)
    assert seen == [True]
    assert outcome.trip.cause == "emergency"


def type_and_run(scene, keyboard, first, second):
    """Type something once the robot moves, and something else a little later."""

    def press():
        keyboard.write(first)
        time.sleep(0.4)
        keyboard.write(second)

    presser = after_moving(scene, press)
    outcome = scene.run(seconds=60.0)
    presser.join(10)
    return outcome


def test_a_key_is_heard_without_enter(scene, keyboard):
    outcome = type_and_run(scene, keyboard, b"s", b"q")
    assert (outcome.trip.cause, outcome.trip.detail) == ("hand", "by key")


def test_the_wrong_key_is_an_emergency_after_a_soft_stop_too(scene, keyboard):
    outcome = type_and_run(scene, keyboard, b"s\n", b"q")
    assert "emergency" in scene.causes()
    assert not scene.robot.written.torque
    assert outcome.trip is not None


def test_an_emergency_typed_ahead_of_a_reset_holds(scene, keyboard):
    outcome = type_and_run(scene, keyboard, b"\nr\n", b"q\n")
    assert outcome.trip.cause == "emergency"
    assert "reset" not in scene.causes()


def test_a_terminal_that_closes_ends_the_run_and_nothing_else_goes_wrong(scene, monkeypatch):
    ours, theirs = os.openpty()
    with open(theirs) as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        closer = after_moving(scene, lambda: (os.close(ours), os.kill(os.getpid(), signal.SIGHUP)))
        outcome = scene.run(seconds=60.0)
        closer.join(10)
    assert (outcome.passed, outcome.interrupted) == (True, signal.SIGHUP)
    assert (scene.folder / "log.npz").is_file()


@pytest.mark.parametrize(
    ("trip", "signal_number", "code"),
    [
        (None, None, 0),
        (Trip("hand", "by key"), None, 0),
        (Trip("hand", "SIGTERM"), signal.SIGTERM, 143),
        (Trip("emergency", "SIGINT"), signal.SIGINT, 130),
        (Trip("emergency", "by key"), None, 1),
        (Trip("tilt", "70 degrees"), None, 1),
        (Trip("tilt", "70 degrees"), signal.SIGINT, 1),
    ],
)
def test_the_exit_code_says_who_stopped_the_robot(tmp_path, trip, signal_number, code):
    assert exit_code(Outcome(tmp_path, trip, signal_number)) == code


def test_the_end_of_the_input_is_no_emergency(scene, keyboard):
    presser = after_moving(scene, lambda: keyboard.write(b"\x04"))
    outcome = scene.run(seconds=0.5)
    presser.join(10)
    assert outcome.passed
    assert scene.causes() == ["walking", "done", "stopped"]


def test_keys_are_heard_after_the_end_of_the_input(scene, keyboard):
    outcome = type_and_run(scene, keyboard, b"\x04", b"\n")
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


def test_a_policy_that_never_stood_says_so_in_plain_words(scene):
    message = r"the policy was never trained to stand still: give it a velocity \(forward 0\.1"
    with pytest.raises(ConfigError, match=message):
        run_session(scene.bundle, scene.robot, scene.folder, np.zeros(3), QUIET)
    assert scene.robot.written.targets == []


@pytest.mark.parametrize("seconds", [0.0, -3.0, np.nan, -np.inf])
def test_a_time_that_nothing_walks_for_is_refused(seconds):
    with pytest.raises(ConfigError, match="--seconds: expected a number above 0, got"):
        check_seconds(seconds)
