"""`wildrobot run`: a policy bundle on a robot, a simulated one unless a bus is named."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wildrobot_cli.errors import ConfigError, EnvironmentUnavailable
from wildrobot_cli.runtime.bundles.bundle import Bundle, open_bundle
from wildrobot_cli.runtime.control.limits import check_command
from wildrobot_cli.runtime.golden import check_golden
from wildrobot_cli.runtime.log import is_log, log_folder
from wildrobot_cli.runtime.robots.bus_robot import check_bus, open_bus_robot
from wildrobot_cli.runtime.robots.hardware import Robot
from wildrobot_cli.runtime.robots.socket_robot import SocketRobot
from wildrobot_cli.runtime.screen import Display
from wildrobot_cli.runtime.session import Outcome, check_seconds, run_session
from wildrobot_cli.runtime.signals import undisturbed
from wildrobot_cli.whole import whole

if TYPE_CHECKING:
    from wildrobot_cli.robot import Robot as SimulatedBody

PATIENCE = 30.0
"""How long the simulated robot may take to start [s]."""
SLOWEST = 1.0
"""Largest latency that a simulated link may have [s]."""
FAREWELL = 2.0
"""How long it may take to end; no signal is heard meanwhile [s]."""


@dataclass(frozen=True)
class RunRequest:
    """What was asked of `wildrobot run`."""

    bundle: Path
    """The bundle's folder or zip."""
    command: tuple[float, float, float]
    """Forward and leftward velocity, turning rate [m/s, m/s, rad/s]."""
    seconds: float
    """Time to walk [s]."""
    log: Path | None
    """The log's folder; made of the time when None."""
    quantized: bool
    """Whether to run the policy of 8 bits."""
    bus: str | None
    """Serial port of the servos; a simulated robot when None."""
    imu: str | None
    """Serial port of the IMU."""
    calibration: Path | None
    """How the servos are mounted."""
    robot: str | None
    """Robot to simulate: a path or name; the one of the training when None."""
    latency: float
    """Of the simulated servos [s]."""
    drop: float
    """Share of datagrams that the simulated link loses."""


def run_bundle(
    request: RunRequest,
    display: Display,
    on_ready: Callable[[], None] = lambda: None,
    on_loss: Callable[[str], None] = lambda _: None,
) -> Outcome:
    """Run a bundle; return how it ended.

    Args:
        request: what, and on what.
        display: where to show how it goes.
        on_ready: called when everything is there, before the robot moves.
        on_loss: told what the log lacks, where the run itself went as it should.

    Raises:
        ConfigError: an option does not fit, or the bundle is damaged or for another robot.
        EnvironmentUnavailable: the robot does not answer, or a package is missing.
    """
    _check(request)
    bundle, command = open_bundle(request.bundle), np.array(request.command, dtype=float)
    check_command(bundle.description, command)
    check_golden(bundle, request.quantized)
    place = log_folder(request.log, request.bundle)
    with place as folder:
        with _robot(bundle, request, folder) as robot:
            on_ready()
            ways = (display, request.seconds, request.quantized)
            outcome = run_session(bundle, robot, folder, command, *ways)
        if request.bus is None:
            _check_truth(folder, on_loss)
        return outcome


def as_json(outcome: Outcome) -> dict[str, Any]:
    """Return what `--json` writes."""
    number = outcome.interrupted
    return {
        "passed": outcome.passed,
        "stopped_by": None if outcome.trip is None else outcome.trip._asdict(),
        "signal": None if number is None else signal.Signals(number).name,
        "log": str(outcome.log),
    }


def _check(request: RunRequest) -> None:
    """Raise `ConfigError` for options that cannot be, or not together."""
    check_bus(request.bus, request.imu, request.calibration)
    check_seconds(request.seconds)
    if not 0 <= request.latency <= SLOWEST:
        expected = f"a time in 0 .. {SLOWEST:g} s"
        raise ConfigError(f"--latency: expected {expected}, got {request.latency:g}")
    if not 0 <= request.drop <= 1:
        raise ConfigError(f"--drop: expected a share in 0 .. 1, got {request.drop:g}")
    simulated = {"--latency": request.latency, "--drop": request.drop, "--robot": request.robot}
    for option, value in simulated.items():
        if request.bus is not None and value:
            raise ConfigError(f"{option} does not go with --bus: it is for a simulated robot")


@contextmanager
def _robot(bundle: Bundle, request: RunRequest, log: Path) -> Iterator[Robot]:
    """Open the robot that was asked for; it is without torque and closed after the block."""
    if request.bus is not None and request.imu is not None and request.calibration is not None:
        ports = (request.bus, request.imu, request.calibration)
        real = open_bus_robot(bundle.description, *ports)
        try:
            yield real
        finally:
            real.close()
        return
    with _simulated(bundle, request) as (robot, room):
        try:
            yield robot
        finally:
            with undisturbed():
                _say_goodbye(robot, room, log)


@dataclass(frozen=True)
class _Room:
    """Where a simulated robot lives."""

    path: Path
    process: subprocess.Popen[bytes]


@contextmanager
def _simulated(bundle: Bundle, request: RunRequest) -> Iterator[tuple[SocketRobot, _Room]]:
    """Start a simulated robot, and end it with the block."""
    if find_spec("mujoco") is None:
        raise EnvironmentUnavailable(
            "a simulated robot needs MuJoCo and all of wildrobot: pip install wildrobot; "
            "--bus runs a real robot without them"
        )
    with tempfile.TemporaryDirectory(prefix="wildrobot-") as name:
        room = Path(name)
        _furnish(room, bundle, request)
        module = "wildrobot_cli.simulated.server"
        command = [sys.executable, "-m", module, name, str(os.getpid())]
        # In a session of its own, so that Ctrl-C reaches the runtime alone.
        process = subprocess.Popen(command, start_new_session=True)
        try:
            robot = SocketRobot(room, PATIENCE, alive=lambda: process.poll() is None)
            yield robot, _Room(room, process)
        finally:
            process.kill()
            process.wait()


def _furnish(room: Path, bundle: Bundle, request: RunRequest) -> None:
    """Write what the simulated robot reads when it starts."""
    from wildrobot_cli.config.deploy import load_deploy
    from wildrobot_cli.config.loader import dump
    from wildrobot_cli.robot import load_robot
    from wildrobot_cli.simulated.configuration import simulation_config
    from wildrobot_cli.simulated.server import ENV, FAULTS, Faults

    env = simulation_config(bundle)
    if request.robot is not None:
        file = Path(request.robot)
        place = str(file.absolute()) if file.is_file() else request.robot
        env = env.model_copy(update={"robot": place})
    robot = load_robot(env.robot)  # says here what is wrong with it, not in the other process
    if request.robot is None:
        _check_same_robot(bundle, robot, env.robot)
    (room / ENV).write_text(dump(env), encoding="utf-8")
    noise = env.sensors
    faults = Faults(
        latency=request.latency,
        drop=request.drop,
        gyro_noise=noise.scale * noise.gyro_noise,
        tilt_noise=noise.scale * noise.tilt_noise,
        control_period=load_deploy().control_period,
        seed=0,
    )
    (room / FAULTS).write_text(faults.as_json(), encoding="utf-8")


def _check_same_robot(bundle: Bundle, robot: "SimulatedBody", place: str) -> None:
    """Raise `ConfigError` where a robot is not the one that a policy was trained on."""
    from wildrobot_cli.simulated.configuration import check_same_servos

    told, all_the_same = bundle.description, f"--robot {place} simulates it all the same"
    if told.robot != robot.name:
        raise ConfigError(
            f"{bundle.path}: a policy for the robot '{told.robot}', the simulated one is "
            f"'{robot.name}'; {all_the_same}"
        )
    check_same_servos(told, robot, str(bundle.path))
    if told.document["robot"].get("fingerprint") != robot.fingerprint:
        raise ConfigError(
            f"{bundle.path}: the robot '{robot.name}' is not as it was in the training: its MJCF "
            f"or robot YAML differs; {all_the_same}"
        )


def _say_goodbye(robot: SocketRobot, room: _Room, log: Path) -> None:
    """Send the simulated robot away, and keep what it knows of the truth with the log.

    What cannot be kept is no error here: it would hide why the run failed. See `_check_truth`.
    """
    from wildrobot_cli.simulated.server import ENV, TRUTH

    robot.close()
    try:
        room.process.wait(FAREWELL)
    except subprocess.TimeoutExpired:
        return
    if (room.path / TRUTH).is_file() and is_log(log):
        with suppress(OSError):
            for name in (ENV, TRUTH):
                with whole(log / name) as unfinished:
                    shutil.copy(room.path / name, unfinished)


def _check_truth(log: Path, on_loss: Callable[[str], None]) -> None:
    """Say so where a simulated robot left no true states."""
    from wildrobot_cli.simulated.server import TRUTH

    if not (log / TRUTH).is_file():
        on_loss(
            f"{log / TRUTH}: missing, the simulated robot's true states could not be saved: "
            "`wildrobot eval` will measure by its sensors alone"
        )
