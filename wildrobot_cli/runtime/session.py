"""A run on a robot, from the first reading to the saved log; keys and signals stop it."""

import math
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import numpy as np

from wildrobot_cli.runtime.bundle import Bundle
from wildrobot_cli.runtime.hardware import Robot, check_fits
from wildrobot_cli.runtime.log import RunLog
from wildrobot_cli.runtime.loop import Loop
from wildrobot_cli.runtime.policy import load
from wildrobot_cli.runtime.priority import hurry
from wildrobot_cli.runtime.supervisor import Event, Supervisor
from wildrobot_cli.runtime.watchdogs import Trip

REFRESH = 0.1
"""Time between two looks at keys and at the loop [s]."""
SWITCH = 2e-4
"""How long another thread may keep the loop waiting for the interpreter [s]."""
HELP = "Enter: emergency stop   s: soft stop   r: reset after a stop   q: soft stop and quit"


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

    Args:
        bundle: the policy.
        robot: what it runs on.
        folder: the log's, to be made.
        command: forward and leftward velocity, turning rate [m/s, m/s, rad/s]. Shape (3,).
        display: what is shown meanwhile.
        seconds: of walking [s].
        quantized: whether to run the policy of 8 bits.

    Raises:
        ConfigError: the policy is for another robot, or does not load.
        EnvironmentUnavailable: onnxruntime is missing, or the log cannot be written.
    """
    description = bundle.description
    check_fits(description, robot.facts)
    supervisor = Supervisor(description, load(bundle, quantized))
    log = RunLog(folder, len(description.joints.names))
    loop = Loop(robot, supervisor, description.control_period, log)
    loop.command = command
    stay = sys.stdin.isatty()
    failure: list[BaseException] = []

    def work() -> None:
        try:
            loop.run(seconds, stay)
        except BaseException as error:  # the robot is stopped; the main thread reports it
            failure.append(error)

    hurry()
    sys.setswitchinterval(SWITCH)
    thread = threading.Thread(target=work, name="control", daemon=True)
    with _signals(loop) as caught:
        thread.start()
        while thread.is_alive():
            _take_key(loop, stay)
            for event in log.flush(supervisor.events):
                display.event(event)
            display.status(_status(log))
    log.flush(supervisor.events)
    log.save(description.document)
    if failure:
        raise failure[0]
    return Outcome(folder, supervisor.trip, caught[0] if caught else None)


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


def _take_key(loop: Loop, terminal: bool) -> None:
    """Wait a little for a line on the terminal, and do what it says; see `HELP`."""
    if not terminal:
        time.sleep(REFRESH)
        return
    if not select.select([sys.stdin], [], [], REFRESH)[0]:
        return
    line = os.read(sys.stdin.fileno(), 1024).decode(errors="replace").strip()
    if line == "r":
        loop.reset()
    elif line in ("s", "q"):
        if line == "q":
            loop.quit()
        loop.stop("hand", "by key")
    else:
        loop.emergency("by key")


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
