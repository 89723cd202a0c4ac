"""A run on a robot, from the first reading to the saved log; keys and signals stop it."""

import math
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wildrobot_cli.errors import ConfigError, WildRobotError
from wildrobot_cli.runtime.bundle import Bundle
from wildrobot_cli.runtime.hardware import Robot, check_fits
from wildrobot_cli.runtime.keys import REFRESH, keys, on_terminal
from wildrobot_cli.runtime.limits import check_command
from wildrobot_cli.runtime.log import RunLog
from wildrobot_cli.runtime.loop import Loop
from wildrobot_cli.runtime.policy import load
from wildrobot_cli.runtime.priority import hurry
from wildrobot_cli.runtime.screen import Display, Screen, status_line
from wildrobot_cli.runtime.signals import signals
from wildrobot_cli.runtime.supervisor import WANTED, Event, Supervisor
from wildrobot_cli.runtime.watchdogs import Trip

PATIENCE = 1.0
"""How much longer than a soft stop the loop may take to end before its torque is taken [s]."""
SWITCH = 2e-4
"""How long another thread may keep the loop waiting for the interpreter [s]."""


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
    """128 and the signal's number, 1 for a robot that stopped itself, else 0."""
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
    and at once when the loop does not follow. Of a bus, a guardian sees to it when this process is
    killed (`runtime.guardian`).

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
    log, screen = RunLog(folder, description), Screen(display)
    loop = Loop(robot, supervisor, description, log)
    loop.command = command

    def look() -> None:
        screen.show(log.flush(supervisor.events), status_line(log, supervisor.trip))

    with signals(loop) as caught:  # until the log is saved: no Ctrl-C cuts that short
        failures = _run(loop, seconds, look, description.safety.soft_stop_time + PATIENCE)
        screen.close()
        failures += _save(log, supervisor.events)
    if failures:
        raise failures[0]
    return Outcome(folder, supervisor.trip, caught[0] if caught else None)


def _run(
    loop: Loop, seconds: float, look: Callable[[], None], patience: float
) -> list[BaseException]:
    """Run the loop in a thread of its own, look at it from this one; return what went wrong."""
    failures: list[BaseException] = []

    def work() -> None:
        try:
            loop.run(seconds, on_terminal())
        except BaseException as error:  # the robot is stopped; the main thread reports it
            failures.append(error)

    hurry()
    sys.setswitchinterval(SWITCH)
    thread = threading.Thread(target=work, name="control", daemon=True)
    with keys(loop):
        thread.start()
        try:
            while thread.is_alive():
                thread.join(REFRESH)
                look()
        except BaseException as error:  # whatever it is, the robot comes first
            failures.append(error)
            _end(loop, thread, patience, error)
    return failures


def _save(log: RunLog, events: list[Event]) -> list[BaseException]:
    """Write what is not on disk yet; return what went wrong."""
    try:
        log.flush(events)
        log.save()
    except WildRobotError as error:
        return [error]
    return []


def _end(loop: Loop, thread: threading.Thread, patience: float, error: BaseException) -> None:
    """Stop softly, and at once when that takes longer than `patience` [s]."""
    loop.quit()
    loop.stop("program", f"{type(error).__name__}: {error}")
    thread.join(patience)
    if thread.is_alive():
        loop.emergency("the loop does not follow")
        thread.join(PATIENCE)
