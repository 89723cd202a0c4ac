"""A run on a robot, from the first reading to the saved log; keys and signals stop it."""

import math
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import numpy as np

from wildrobot_cli.errors import WildRobotError
from wildrobot_cli.runtime.bundle import Bundle
from wildrobot_cli.runtime.hardware import Robot, check_fits
from wildrobot_cli.runtime.keys import REFRESH, keys, on_terminal
from wildrobot_cli.runtime.limits import check_command
from wildrobot_cli.runtime.log import RunLog
from wildrobot_cli.runtime.loop import Loop
from wildrobot_cli.runtime.policy import load
from wildrobot_cli.runtime.priority import hurry
from wildrobot_cli.runtime.supervisor import Event, Supervisor
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
    """Why the robot was stopped; `done` or `by hand` when that was wanted."""
    interrupted: int | None
    """The signal that ended it, if one did."""

    @property
    def passed(self) -> bool:
        """Whether nothing but the owner stopped the robot."""
        return self.trip is None or self.trip.cause in ("done", "hand")


@dataclass(frozen=True)
class Display:
    """What a run shows."""

    status: Callable[[str], None]
    """A line that takes the place of the one before."""
    event: Callable[[Event], None]
    """Something that happened."""


class _Screen:
    """Shows what it can: a screen that is gone must not stop a robot."""

    def __init__(self, display: Display) -> None:
        self._display: Display | None = display

    def show(self, events: list[Event], status: str) -> None:
        if self._display is None:
            return
        try:
            for event in events:
                self._display.event(event)
            self._display.status(status)
        except OSError:
            self._display = None


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
    and at once when the loop does not follow.

    Args:
        bundle: the policy.
        robot: what it runs on.
        folder: the log's, to be made.
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
    log = RunLog(folder, len(description.joints.names))
    loop = Loop(robot, supervisor, description.control_period, log)
    loop.command = command
    failures: list[BaseException] = []

    def work() -> None:
        try:
            loop.run(seconds, on_terminal())
        except BaseException as error:  # the robot is stopped; the main thread reports it
            failures.append(error)

    hurry()
    sys.setswitchinterval(SWITCH)
    thread = threading.Thread(target=work, name="control", daemon=True)
    screen = _Screen(display)
    with _signals(loop) as caught, keys(loop):
        thread.start()
        try:
            while thread.is_alive():
                thread.join(REFRESH)
                screen.show(log.flush(supervisor.events), _status(log))
        except BaseException as error:  # whatever it is, the robot comes first
            failures.append(error)
            _end(loop, thread, description.safety.soft_stop_time + PATIENCE, error)
    try:
        log.flush(supervisor.events)
        log.save(description.document)
    except WildRobotError as error:
        failures.append(error)
    if failures:
        raise failures[0]
    return Outcome(folder, supervisor.trip, caught[0] if caught else None)


def _end(loop: Loop, thread: threading.Thread, patience: float, error: BaseException) -> None:
    """Stop softly, and at once when that takes longer than `patience` [s]."""
    loop.quit()
    loop.stop("program", f"{type(error).__name__}: {error}")
    thread.join(patience)
    if thread.is_alive():
        loop.emergency("the loop does not follow")
        thread.join(PATIENCE)


@contextmanager
def _signals(loop: Loop) -> Iterator[list[int]]:
    """First Ctrl-C, SIGTERM or SIGHUP: soft stop; a second one, or SIGQUIT: emergency stop."""
    caught: list[int] = []

    def handle(number: int, _: FrameType | None) -> None:
        loop.quit()
        if caught or number == signal.SIGQUIT:
            loop.emergency(signal.Signals(number).name)
        else:
            loop.stop("hand", signal.Signals(number).name)
        caught.append(number)

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield caught
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def _status(log: RunLog) -> str:
    """One line on where the robot stands."""
    if log.last is None:
        return "waiting for the robot"
    now, lateness, duration, _, order = log.last
    forward, left, turn = order.command
    return (
        f"{now:6.1f} s  {order.mode:<8}  command {forward:+.2f} {left:+.2f} m/s {turn:+.2f} rad/s  "
        f"step {1000 * duration:4.1f} ms  late {1000 * lateness:4.1f} ms"
    )
