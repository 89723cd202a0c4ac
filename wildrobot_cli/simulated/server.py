"""A simulated robot in a process of its own, in real time, with the faults that links have.

`python -m wildrobot_cli.simulated.server FOLDER PARENT`: the folder holds `env.yaml` (the `env` of
a configuration) and `faults.json`; sockets are made in it, and `truth.npz` is written in the end.
The server ends with the process PARENT that started it.
"""

import json
import os
import socket
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from wildrobot_cli.config.environment import EnvConfig
from wildrobot_cli.config.loader import load
from wildrobot_cli.runtime.control.estimator import Sensors
from wildrobot_cli.runtime.priority import hurry
from wildrobot_cli.runtime.robots import packets
from wildrobot_cli.runtime.robots.socket_robot import ROBOT
from wildrobot_cli.simulated.robot import SimulatedRobot
from wildrobot_cli.whole import whole

ENV, FAULTS, TRUTH = "env.yaml", "faults.json", "truth.npz"


@dataclass(frozen=True)
class Faults:
    """What a link and its sensors get wrong."""

    latency: float
    """Time from the arrival of targets to the servos' answer [s]."""
    drop: float
    """Share of datagrams that are lost, each way."""
    gyro_noise: float
    """Standard deviation of the angular velocity [rad/s]."""
    tilt_noise: float
    """Standard deviation of the orientation about each axis [rad]."""
    control_period: float
    """Of the robot's bus [s]."""
    seed: int
    """Of noise and losses."""

    def as_json(self) -> str:
        """As the server reads it."""
        return json.dumps(asdict(self))


class Server:
    """Steps a robot in real time and speaks for it."""

    def __init__(self, folder: Path) -> None:
        """Read the folder, and open the robot's socket in it."""
        self._folder = folder
        self._faults = Faults(**json.loads((folder / FAULTS).read_text(encoding="utf-8")))
        self._robot = SimulatedRobot(load(EnvConfig, folder / ENV))
        self._rng = np.random.default_rng(self._faults.seed)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(folder / ROBOT))
        self._client: str | None = None
        self._arrived: list[tuple[float, np.ndarray | None]] = []
        self._targets: np.ndarray | None = self._robot.robot.home_ctrl
        self._truth: list[dict[str, np.ndarray]] = [self._robot.readout()]
        self._done = False

    def run(self, parent: int) -> None:
        """Go on until the client says goodbye, or the process `parent` is gone.

        It names itself: asked here for its number, one that died meanwhile would be somebody else.
        """
        while self._client is None and not self._done and os.getppid() == parent:
            self._listen(time.monotonic() + self._faults.control_period)
        tick = time.monotonic()
        while not self._done and os.getppid() == parent:
            self._listen(tick + self._faults.control_period)
            self._simulate(tick)
            self._report()
            tick += self._faults.control_period
            if time.monotonic() - tick > 1.0:  # this machine slept: so did the robot
                tick = time.monotonic()
        self._socket.close()
        self._save()

    def _save(self) -> None:
        """Write the true states, whole or not at all; who wants them sees whether they are there.

        Not compressed, for somebody waits: an hour of them would take seconds.
        """
        truth = {name: np.stack([row[name] for row in self._truth]) for name in self._truth[0]}
        with (
            suppress(OSError),
            whole(self._folder / TRUTH) as unfinished,
            unfinished.open("wb") as file,  # a full disk may show itself when it is closed
        ):
            np.savez(file, **truth)  # type: ignore[arg-type]

    def _listen(self, until: float) -> None:
        """Take datagrams until a time; the first one of all ends the wait."""
        met = self._client is not None
        while (wait := until - time.monotonic()) > 0 and not self._done:
            if self._client is not None and not met:
                return
            self._socket.settimeout(wait)
            try:
                datagram, sender = self._socket.recvfrom(packets.LARGEST)
            except TimeoutError:
                return
            message = packets.unpack(datagram)
            if message is not None:
                self._hear(*message, sender)

    def _hear(self, kind: bytes, body: bytes, sender: str) -> None:
        if kind == packets.HELLO:
            self._client = sender
            self._send(packets.FACTS, json.dumps(self._facts()).encode())
        elif kind == packets.BYE:
            self._done = True
        elif self._rng.random() >= self._faults.drop:
            due = time.monotonic() + self._faults.latency
            targets = packets.read_targets(body, len(self._robot.robot.joint_names))
            if kind == packets.STOP:
                self._arrived.append((due, None))
            elif kind == packets.TARGETS and targets is not None:
                self._arrived.append((due, targets))

    def _simulate(self, tick: float) -> None:
        """Take the control period that began at `tick`, each target from when it is due."""
        robot = self._robot
        for substep in range(robot.substeps):
            now = tick + (substep + 1) * robot.timestep
            while self._arrived and self._arrived[0][0] < now:
                self._targets = self._arrived.pop(0)[1]
            robot.substep(self._targets)
        robot.end_period()
        self._truth.append(robot.readout())

    def _report(self) -> None:
        sensors = self._robot.sensors()
        gyro = sensors.gyro + self._rng.normal(0.0, self._faults.gyro_noise, 3)
        turned = _turned(sensors.orientation, self._rng.normal(0.0, self._faults.tilt_noise, 3))
        noisy: Sensors = sensors._replace(gyro=gyro, orientation=turned)
        if self._rng.random() >= self._faults.drop:
            self._send(packets.SENSORS, packets.sensors_body(noisy))

    def _send(self, kind: bytes, body: bytes) -> None:
        if self._client is None:
            return
        try:
            self._socket.sendto(packets.pack(kind, body), socket.MSG_DONTWAIT, self._client)
        except OSError:
            return  # the client is slow or gone; a bus does not wait either

    def _facts(self) -> dict[str, object]:
        robot = self._robot.robot
        limits = {"lower": robot.lower.tolist(), "upper": robot.upper.tolist()}
        period = self._faults.control_period
        return {"joints": robot.joint_names, **limits, "control_period": period}


def _turned(quat: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Turn an orientation by small angles about its own axes [rad]. Shapes (4,), (3,) -> (4,)."""
    w, v, half = quat[0], quat[1:], angles / 2
    turned = np.concatenate([[w - v @ half], v + w * half + np.cross(v, half)])
    return turned / np.linalg.norm(turned)


if __name__ == "__main__":
    hurry()
    Server(Path(sys.argv[1])).run(parent=int(sys.argv[2]))
