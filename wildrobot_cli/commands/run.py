"""`wildrobot run`: a policy bundle on a robot, a simulated one unless a bus is named."""

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from wildrobot_cli.errors import ConfigError, EnvironmentUnavailable
from wildrobot_cli.runtime.bundle import Bundle, open_bundle
from wildrobot_cli.runtime.session import Display, Outcome, run_session
from wildrobot_cli.runtime.socket_robot import SocketRobot

PATIENCE = 30.0
"""How long the simulated robot may take to start [s]."""
FAREWELL = 10.0
"""How long it may take to end [s]."""


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
    """Servo ids and zeros; in the joints' order when None."""
    robot: str | None
    """Robot to simulate: a path or name; the one of the training when None."""
    latency: float
    """Of the simulated servos [s]."""
    drop: float
    """Share of datagrams that the simulated link loses."""


def run_bundle(request: RunRequest, display: Display) -> Outcome:
    """Run a bundle; return how it ended.

    Raises:
        ConfigError: the bundle is damaged or for another robot.
        EnvironmentUnavailable: the robot does not answer, or a package is missing.
    """
    bundle = open_bundle(request.bundle)
    folder = request.log or Path("robot-logs") / time.strftime("%Y%m%d-%H%M%S")
    if folder.exists():
        raise ConfigError(f"--log {folder}: exists already")
    command = np.array(request.command, dtype=float)
    ends = (command, display, request.seconds, request.quantized)
    if request.bus is not None:
        from wildrobot_cli.runtime.bus_robot import open_bus_robot

        port, imu, file = request.bus, request.imu, request.calibration
        real = open_bus_robot(bundle.description, port, imu, file)
        try:
            return run_session(bundle, real, folder, *ends)
        finally:
            real.close()
    with _simulated(bundle, request) as (robot, room):
        try:
            return run_session(bundle, robot, folder, *ends)
        finally:
            _say_goodbye(robot, room, folder)


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
        command = [sys.executable, "-m", "wildrobot_cli.simulated.server", name]
        # In a session of its own, so that Ctrl-C reaches the runtime alone.
        process = subprocess.Popen(command, start_new_session=True)
        try:
            yield SocketRobot(room, PATIENCE), _Room(room, process)
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
    load_robot(env.robot)  # says here what is wrong with it, not in the other process
    (room / ENV).write_text(dump(env), encoding="utf-8")
    noise = env.sensors
    faults = Faults(
        latency=request.latency,
        drop=request.drop,
        gyro_noise=noise.gyro_noise,
        tilt_noise=noise.tilt_noise,
        control_period=load_deploy().control_period,
        seed=0,
    )
    (room / FAULTS).write_text(faults.as_json(), encoding="utf-8")


def _say_goodbye(robot: SocketRobot, room: _Room, log: Path) -> None:
    """Send the simulated robot away, and keep what it knows of the truth with the log."""
    from wildrobot_cli.simulated.server import ENV, TRUTH

    robot.close()
    try:
        room.process.wait(FAREWELL)
    except subprocess.TimeoutExpired:
        return
    if (room.path / TRUTH).is_file() and log.is_dir():
        for name in (TRUTH, ENV):
            shutil.copy(room.path / name, log / name)
