"""A run on a robot, from the first reading to the saved log; keys and signals stop it."""

import atexit
import math
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wildrobot_cli.errors import ConfigError, WildRobotError
from wildrobot_cli.runtime.bundles.bundle import Bundle
from wildrobot_cli.runtime.bundles.policy import load
from wildrobot_cli.runtime.chore import REFRESH, Chore
from wildrobot_cli.runtime.control.limits import check_command
from wildrobot_cli.runtime.control.supervisor import EMERGENCY, WANTED, Event, Supervisor
from wildrobot_cli.runtime.control.watchdogs import Trip
from wildrobot_cli.runtime.keys import keys, on_terminal
from wildrobot_cli.runtime.log import RunLog
from wildrobot_cli.runtime.loop import Loop
from wildrobot_cli.runtime.priority import undisturbed
from wildrobot_cli.runtime.robots.hardware import Robot, check_fits
from wildrobot_cli.runtime.screen import Display, Screen, status_line
from wildrobot_cli.runtime.signals import signals
from wildrobot_cli.runtime.streams import drop_output

PATIENCE = 1.0
"""How much longer than a soft stop the loop may take to end before its torque is taken [s]."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    log: Path
    """The log's folder."""
    trip: Trip | None
    """Why the robot was stopped; one of `WANTED` when that was asked for."""
    interrupted: int | None
    """The signal that ended it, if one did."""

    @property
    def passed(self) -> bool:
        """Whether nothing but the owner stopped the robot."""
        return self.trip is None or self.trip.cause in WANTED


def check_seconds(seconds: float) -> None:
    """Raise `ConfigError` for a time that nothing can walk for [s]."""
    if not seconds > 0:
        raise ConfigError(f"--seconds: expected a number above 0, got {seconds:g}")


def exit_code(outcome: Outcome) -> int:
    """1 for a robot that stopped itself, 128 and the number of the signal that did, else 0."""
    if outcome.trip is not None and outcome.trip.cause not in (*WANTED, EMERGENCY):
        return 1
    if outcome.interrupted is not None:
        return 128 + outcome.interrupted
    return 0 if outcome.passed else 1


def summary(outcome: Outcome) -> list[str]:
    """Say how a run ended and what to do with its log, in lines."""
    lines = [f"log in {outcome.log}; measure it:", f"  wildrobot eval {outcome.log}"]
    trip = outcome.trip
    if outcome.passed or trip is None:
        return lines
    return [f"FAILED: {trip.cause}: {trip.detail}", *lines]


def run_session(
    bundle: Bundle,
    robot: Robot,
    folder: Path,
    command: np.ndarray,
    display: Display,
    seconds: float = math.inf,
    quantized: bool = False,
) -> Outcome:
    """Run a bundle's policy on a robot until it is done, stopped, or interrupted.

    However this ends, the servos are without torque: what goes wrong here stops the robot softly,
    and at once when the loop does not follow, or hangs. Of a bus, a guardian sees to it when this
    process is killed or suspended (`runtime.robots.guardian`).

    Args:
        bundle: the policy.
        robot: what it runs on.
        folder: the log's.
        command: forward and leftward velocity, turning rate [m/s, m/s, rad/s]. Shape (3,).
        display: what is shown meanwhile.
        seconds: of walking [s].
        quantized: whether to run the policy of 8 bits.

    Raises:
        ConfigError: the policy is for another robot or other commands, or does not load.
        EnvironmentUnavailable: onnxruntime is missing, or the log cannot be written.
    """
    description = bundle.description
    check_fits(description, robot.facts)
    check_command(description, command)
    supervisor = Supervisor(description, load(bundle, quantized))
    log, failures = RunLog(folder, description), list[BaseException]()
    loop = Loop(robot, supervisor, description, log)
    loop.command = command
    patience = description.safety.soft_stop_time + PATIENCE
    # Signals are ours until the log is saved: no Ctrl-C cuts that short.
    with signals(loop) as caught, _chores(loop, supervisor, log, display, failures):
        _run(loop, seconds, failures, patience)
    if failures:
        raise failures[0]
    return Outcome(folder, supervisor.trip, caught[0] if caught else None)


@contextmanager
def _chores(
    loop: Loop,
    supervisor: Supervisor,
    log: RunLog,
    display: Display,
    failures: list[BaseException],
) -> Iterator[None]:
    """Within the block keep the log and show what happens; save the log in the end.

    What goes wrong with it stops the robot softly, and is added to `failures`.
    """
    screen = Screen(display)

    def fail(error: BaseException) -> None:
        failures.append(error)
        loop.quit()
        loop.stop("program", f"{type(error).__name__}: {error}")

    def look() -> None:
        screen.show(supervisor.events, status_line(log, supervisor.trip))

    def keep() -> None:
        log.flush(supervisor.events)

    shown, kept = Chore("screen", look, fail), Chore("log", keep, fail)
    try:
        yield
    finally:
        kept.end()
        failures += _save(log, supervisor.events)
        if shown.end(PATIENCE):  # a screen that is held keeps nothing else waiting
            screen.close()


def _run(loop: Loop, seconds: float, failures: list[BaseException], patience: float) -> None:
    """Run the loop in a thread of its own, and see to it that it ends when it has to.

    A loop that hangs, or does not follow within `patience` [s] when something fails, loses its
    torque at once. This thread waits and does nothing else: here signals are heard.
    """

    def work() -> None:
        try:
            loop.run(seconds, on_terminal())
        except BaseException as error:  # the robot is stopped; the caller reports it
            failures.append(error)

    thread = threading.Thread(target=work, name="control", daemon=True)
    with undisturbed(), keys(loop):
        thread.start()
        until = math.inf
        try:
            while thread.is_alive() and not loop.hangs() and time.monotonic() < until:
                thread.join(REFRESH)
                if failures:
                    until = min(until, time.monotonic() + patience)
        finally:
            if thread.is_alive():
                _end(loop, thread)


def _end(loop: Loop, thread: threading.Thread) -> None:
    """Take the torque off a loop that does not follow, and leave it to itself."""
    cause = "the control loop does not follow"
    loop.quit()
    loop.emergency(cause)
    thread.join(PATIENCE)
    if thread.is_alive():
        loop.give_up(cause)
        atexit.register(_leave, thread)


def _leave(thread: threading.Thread) -> None:
    """End the program without what C++ does about a thread that is still in a policy: abort."""
    if thread.is_alive():
        drop_output()
        os._exit(1)


def _save(log: RunLog, events: list[Event]) -> list[BaseException]:
    """Write what is not on disk yet; return what went wrong."""
    try:
        log.flush(events)
        log.save()
    except WildRobotError as error:
        return [error]
    return []
