"""Robots to run against: a simulated one in step with a clock that tests turn, and a servo bus."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np

from wildrobot_cli.runtime.control.estimator import Sensors
from wildrobot_cli.runtime.control.supervisor import Supervisor
from wildrobot_cli.runtime.log import RunLog
from wildrobot_cli.runtime.loop import Loop
from wildrobot_cli.runtime.robots import servo_protocol as protocol
from wildrobot_cli.runtime.robots.bus_robot import BusRobot
from wildrobot_cli.runtime.robots.calibration import ENTRY, Calibration
from wildrobot_cli.runtime.robots.hardware import Facts
from wildrobot_cli.runtime.robots.imu import ImuReading


class Clock:
    """Time that passes when someone sleeps."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Written:
    """Every target that reached the servos, judged as it arrives."""

    def __init__(self, description) -> None:
        self._description = description
        self.targets: list[np.ndarray] = []
        self.unsafe: list[str] = []
        self.torque = False

    def take(self, targets: np.ndarray, rounding: float = 0.0, slack: float = 1e-6) -> None:
        """Judge targets; `rounding` is how far two of them may be apart by rounding alone [rad]."""
        joints, safety = self._description.joints, self._description.safety
        if not np.isfinite(targets).all():
            self.unsafe.append(f"not numbers: {targets}")
        if (targets < joints.lower - slack).any() or (targets > joints.upper + slack).any():
            self.unsafe.append(f"out of range: {targets}")
        step = safety.target_rate * self._description.control_period + rounding + slack
        if self.torque and np.abs(targets - self.targets[-1]).max() > step:
            self.unsafe.append(f"too fast: {targets - self.targets[-1]}")
        self.torque = True
        self.targets.append(targets.copy())


class StandingRobot:
    """A robot that stands, whose joints go where their targets are; faults change its sensors."""

    def __init__(self, description, clock: Clock) -> None:
        self.description, self.clock = description, clock
        self.written = Written(description)
        self.fault: Callable[[Sensors], Sensors | None] = lambda sensors: sensors
        self._angles = description.joints.home_position.copy()
        self._rng = np.random.default_rng(0)
        self.tick = 0

    @property
    def facts(self) -> Facts:
        joints = self.description.joints
        return Facts(joints.names, joints.lower, joints.upper, self.description.control_period)

    def read(self, timeout: float) -> Sensors | None:
        self.tick += 1
        gyro = self._rng.normal(0, 0.02, 3)
        read_at = np.full(len(self._angles), self.tick)
        level = np.array([1.0, 0.0, 0.0, 0.0])
        silent = np.zeros_like(read_at)
        imu, angles = (gyro, level), self._angles.copy()
        seen = self.fault(Sensors(*imu, angles, read_at, self.tick, silent, self.tick))
        if seen is None:
            self.clock.sleep(timeout)
        return seen

    def unheard(self) -> tuple[str, ...]:
        return ()

    def alarm(self) -> str | None:
        return None

    def write(self, targets: np.ndarray) -> None:
        self.written.take(targets)
        if np.isfinite(targets).all():
            self._angles = self._angles + 0.5 * (targets - self._angles)

    def stop(self) -> None:
        self.written.torque = False

    def close(self) -> None:
        return


class ServoBus:
    """The servos' side of the bus, byte by byte; a `Port` whose time is the test's clock."""

    def __init__(self, description, clock: Clock) -> None:
        joints = description.joints
        self.clock, self.written = clock, Written(description)
        self.ids = list(range(1, len(joints.names) + 1))
        self.positions = {i: _count(a) for i, a in zip(self.ids, joints.home_position, strict=True)}
        self.loaded = dict.fromkeys(self.ids, False)
        self.fault: Callable[[int, bytes], bytes] = lambda servo, answer: answer
        self.asked: list[int] = []
        self.guarded = True
        self._out = bytearray()
        self._moves: dict[int, int] = {}
        self._parser = protocol.Parser()

    def drop_input(self) -> None:
        self._out.clear()

    def write(self, data: bytes, timeout: float) -> None:
        self.clock.sleep(len(data) * protocol.BITS_PER_BYTE / protocol.BAUD)
        self._moves = {}
        for frame in self._parser.feed(data):
            self._obey(frame)
        if self._moves:
            counts = np.array([self._moves[i] for i in self.ids])
            self.written.take((counts - 500) * math.radians(0.24), rounding=math.radians(0.24))

    def write_now(self, data: bytes) -> None:
        self.write(data, 0.0)

    def beat(self) -> bool:
        return self.guarded

    def read(self, timeout: float) -> bytes:
        if not self._out:
            self.clock.sleep(max(timeout, 1e-5))
            return b""
        part, self._out = bytes(self._out[:3]), self._out[3:]  # answers come in parts
        self.clock.sleep(len(part) * protocol.BITS_PER_BYTE / protocol.BAUD)
        return part

    def close(self) -> None:
        return

    def _obey(self, frame: protocol.Frame) -> None:
        everyone = frame.servo == protocol.EVERYONE
        if frame.command == protocol.LOAD:
            for servo in self.ids if everyone else [frame.servo]:
                self.loaded[servo] = bool(frame.parameters[0])
            self.written.torque = any(self.loaded.values()) and self.written.torque
        elif frame.command == protocol.MOVE and self.loaded[frame.servo]:
            goal = int.from_bytes(frame.parameters[:2], "little")
            self._moves[frame.servo] = goal
            self.positions[frame.servo] += round(0.5 * (goal - self.positions[frame.servo]))
        elif frame.command == protocol.POSITION and not frame.parameters:
            self.asked.append(frame.servo)
            position = self.positions[frame.servo].to_bytes(2, "little", signed=True)
            answer = protocol.pack(frame.servo, protocol.POSITION, position)
            self._out += self.fault(frame.servo, answer)


class LevelImu:
    """An IMU that stands level, with the noise that says it is alive."""

    def __init__(self) -> None:
        self._rng = np.random.default_rng(0)
        self.fault: Callable[[ImuReading], ImuReading | None] = lambda reading: reading

    @property
    def heard(self) -> bool:
        return self.fault(ImuReading(np.zeros(3), np.zeros(4), True)) is not None

    def read(self) -> ImuReading | None:
        level = np.array([1.0, 0.0, 0.0, 0.0])
        return self.fault(ImuReading(self._rng.normal(0, 0.02, 3), level, True))

    def close(self) -> None:
        return


def calibration(description, **changes) -> Calibration:
    """Of a robot whose servos stand in the order of its joints, all mounted alike."""
    joints = description.joints
    count = len(joints.names)
    ids, zeros, signs = np.arange(1, count + 1), np.full(count, 500), np.ones(count, int)
    of = Calibration(description.robot, joints.names, ids, zeros, signs, joints.lower, joints.upper)
    return of._replace(**changes)


def calibration_file(description, folder) -> Path:
    """The same, written down."""
    servos = calibration(description)
    columns = (servos.joints, *(column.tolist() for column in servos[2:]))
    entries = [dict(zip(ENTRY, row, strict=True)) for row in zip(*columns, strict=True)]
    file = folder / "calibration.json"
    file.write_text(json.dumps({"robot": servos.robot, "joints": entries}))
    return file


def stand(description):
    """A policy that asks for the home pose."""
    home = description.joints.home_target.astype(np.float32)
    return lambda observation: (home, np.zeros_like(home))


class Rig:
    """A loop that is stepped by hand: the robot is led home, then stands."""

    def __init__(self, description, folder, policy=None, bus: bool = False) -> None:
        self.clock, self.description = Clock(), description
        if bus:
            self.bus, self.imu = ServoBus(description, self.clock), LevelImu()
            period, ports = description.control_period, (self.bus, self.imu)
            self.robot = BusRobot(calibration(description), period, *ports, self.clock)
            self.written = self.bus.written
        else:
            self.robot = StandingRobot(description, self.clock)
            self.written = self.robot.written
        self.supervisor = Supervisor(description, policy or stand(description))
        self.log = RunLog(folder, description)
        own = (self.log, self.clock, self._sleep)
        self.loop = Loop(self.robot, self.supervisor, description, *own)
        self.loop.command = description.commands.lowest
        self.plan: dict[int, Callable[[], None]] = {}
        self.steps = 0

    def run(self, steps: int) -> "Rig":
        """Run so many control steps, with what was planned before each of them."""
        self._until = steps
        self.loop.run(stay=True)
        return self

    def _sleep(self, seconds: float) -> None:
        self.clock.sleep(seconds)
        self.steps += 1
        self.plan.get(self.steps, lambda: None)()
        if self.steps >= self._until:
            self.loop.quit()
            self.loop.stop("end", "of the test")

    @property
    def trips(self) -> list[str]:
        """Causes of stops, without the test's own end."""
        calm = {"walking", "stopped", "end", "reset", "command", "clamp"}
        return [event.cause for event in self.supervisor.events if event.cause not in calm]

    def tripped_at(self) -> int:
        """The control step of the first stop."""
        columns = self.log.columns()
        return int(np.flatnonzero(columns["mode"] >= 2)[0])


def _count(angle: float) -> int:
    return round(500 + math.degrees(angle) / 0.24)
