"""What signals do to a robot that walks: an owner gets what he wants, and nothing is suspended."""

import os
import signal
import time

import pytest
from scenes import after_moving, scene_of, with_safety

pytest.importorskip("onnxruntime")

from wildrobot_cli.runtime.signals import SETTLE


@pytest.fixture
def scene(bundle, tmp_path):
    with scene_of(bundle, tmp_path) as scene:
        yield scene


def stops(scene):
    """What happened, but for the walk: a signal may come before it."""
    return [cause for cause in scene.causes() if cause != "walking"]


def signalled(scene, *numbers, pause=0.0):
    """Run until it ends by signals to this process, `pause` [s] apart."""

    def send():
        for number in numbers:
            os.kill(os.getpid(), number)
            time.sleep(pause)

    sender = after_moving(scene, send)
    outcome = scene.run(seconds=60.0)
    sender.join(10)
    return outcome


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_sent_at_once_are_one_soft_stop(scene, first):
    outcome = signalled(scene, first, signal.SIGHUP, signal.SIGTERM)
    assert stops(scene) == ["hand", "stopped"]
    assert outcome.interrupted in (first, signal.SIGHUP, signal.SIGTERM)  # which one is heard first
    assert not scene.robot.written.torque


def test_a_second_ctrl_c_after_a_while_is_an_emergency(scene):
    scene.bundle = with_safety(scene.bundle, soft_stop_time=5.0)
    outcome = signalled(scene, signal.SIGINT, signal.SIGINT, pause=SETTLE + 0.7)
    assert stops(scene) == ["hand", "emergency"]
    assert (outcome.trip.cause, outcome.passed) == ("emergency", False)
    assert not scene.robot.written.torque


def test_another_key_is_an_emergency_at_once(scene):
    scene.bundle = with_safety(scene.bundle, soft_stop_time=5.0)
    signalled(scene, signal.SIGINT, signal.SIGQUIT)
    assert "emergency" in scene.causes()


def test_ctrl_z_stops_softly_and_suspends_nothing(scene):
    outcome = signalled(scene, signal.SIGTSTP)
    assert stops(scene) == ["hand", "stopped"]
    assert (outcome.passed, outcome.interrupted) == (True, None)
    assert not scene.robot.written.torque


@pytest.mark.parametrize("number", [signal.SIGTTIN, signal.SIGTTOU])
def test_a_program_in_the_background_is_not_suspended_with_its_servos_under_torque(scene, number):
    after = after_moving(scene, lambda: os.kill(os.getpid(), number))
    outcome = scene.run(seconds=0.3)
    after.join(10)
    assert outcome.passed
    assert scene.causes() == ["walking", "done", "stopped"]


def test_a_terminal_that_closes_does_not_end_what_nohup_started(scene):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        after = after_moving(scene, lambda: os.kill(os.getpid(), signal.SIGHUP))
        outcome = scene.run(seconds=0.3)
    finally:
        signal.signal(signal.SIGHUP, before)
    after.join(10)
    assert (outcome.passed, outcome.interrupted) == (True, None)
    assert scene.causes() == ["walking", "done", "stopped"]
