"""Runs in real time, of a robot that stands, in scenes that tests set."""

import dataclasses
import json
import threading
from contextlib import contextmanager

import pytest
from rigs import Clock, StandingRobot

from wildrobot_cli.runtime import loop
from wildrobot_cli.runtime.screen import Display
from wildrobot_cli.runtime.session import run_session

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


def with_safety(bundle, **changes):
    safety = dataclasses.replace(bundle.description.safety, **changes)
    description = dataclasses.replace(bundle.description, safety=safety)
    return dataclasses.replace(bundle, description=description)


class Scene:
    """A run in real time, of a bundle whose limits do not mind a busy machine."""

    def __init__(self, bundle, folder):
        calm = {"startup_time": 0.2, "soft_stop_time": 0.2, "missed_deadline": 60.0}
        self.bundle = with_safety(bundle, **calm)
        self.robot, self.folder = Robot(self.bundle.description), folder

    def run(self, display=QUIET, seconds=1.0):
        command = self.bundle.description.commands.lowest
        return run_session(self.bundle, self.robot, self.folder, command, display, seconds)

    def causes(self):
        lines = (self.folder / "events.jsonl").read_text().splitlines()
        causes = [json.loads(line)["cause"] for line in lines]
        return [cause for cause in causes if cause != "clamp"]  # a policy of three iterations


@contextmanager
def scene_of(bundle, tmp_path):
    """A scene that must leave no thread behind."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "HUNG", 60.0)
        yield Scene(bundle, tmp_path / "log")
    names = ("control", "keys", "log", "screen")
    assert [t for t in threading.enumerate() if t.name in names] == []


def when_moving(scene, act):
    """A display that does something once the robot moves."""

    def status(line):
        if scene.robot.moving.is_set():
            act()

    return Display(status, lambda event: None)


def fail():
    raise ZeroDivisionError


def after_moving(scene, act):
    """Do something once the robot moves; return the thread that does it."""

    def wait_and_act():
        assert scene.robot.moving.wait(30)
        act()

    thread = threading.Thread(target=wait_and_act)
    thread.start()
    return thread
