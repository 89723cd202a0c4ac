"""A real robot: position servos on one serial bus, and an IMU on a port of its own.

The bus is too slow to read every joint in a control period (`servo_protocol.bus_time`): all targets
are written and the joints whose reading is oldest are read, half of them a period.
"""

import math
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from wildrobot_cli.errors import ConfigError
from wildrobot_cli.runtime.bundles.description import Description
from wildrobot_cli.runtime.control.estimator import Sensors
from wildrobot_cli.runtime.observing.estimation import oldest_readings
from wildrobot_cli.runtime.robots import servo_protocol as protocol
from wildrobot_cli.runtime.robots.calibration import Calibration, read_calibration
from wildrobot_cli.runtime.robots.hardware import Facts, check_fits
from wildrobot_cli.runtime.robots.imu import BAUD as IMU_BAUD
from wildrobot_cli.runtime.robots.imu import RvcImu
from wildrobot_cli.runtime.robots.serial_port import BusPort, GuardedPort, SerialPort

ANSWER_TIME = 3e-3
"""How long a servo may take to answer [s]; its answer takes 0.7 ms of the bus."""
LET_GO = 3 * protocol.load(protocol.EVERYONE, False)
"""Takes the torque off all servos; the first may run into the end of a frame that was cut off."""
PER_RADIAN = protocol.COUNTS / math.radians(protocol.TRAVEL)
"""Counts of a servo's position in a radian."""


class BusRobot:
    """See `runtime.robots.hardware.Robot`."""

    def __init__(
        self,
        calibration: Calibration,
        control_period: float,
        bus: BusPort,
        imu: RvcImu,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take open ports, and the time between two targets [s].

        Raises:
            ConfigError: the bus cannot carry the control period, or a servo its joint's range.
        """
        self._servos, self._bus, self._imu, self._clock = calibration, bus, imu, clock
        self._count = len(calibration.joints)
        self._share = math.ceil(self._count / 2)
        _check_budget(self._count, self._share, control_period)
        self._lowest, self._highest = _count_range(calibration)
        self._period = control_period
        self._parser = protocol.Parser()
        self._tick = 0
        self._angles = np.zeros(self._count)
        self._read_at = np.full(self._count, -1)
        self._unanswered = np.zeros(self._count, int)
        self._imu_at = 0
        self._torque = False
        self._guarded = True

    @property
    def facts(self) -> Facts:
        """What the calibration says of this robot; the bus carries the control period."""
        servos = self._servos
        return Facts(servos.joints, servos.lower, servos.upper, self._period)

    def read(self, timeout: float) -> Sensors | None:
        """Ask the servos that were not asked for longest, and take the newest IMU reading."""
        self._guarded = self._bus.beat()
        deadline = self._clock() + timeout
        self._tick += 1
        for joint in oldest_readings(self._read_at, self._share, np):
            if self._clock() >= deadline:
                break  # what was not asked is the first to be asked next time
            angle = self._ask(int(joint), deadline)
            self._unanswered[joint] += 1
            if angle is not None:
                self._angles[joint], self._read_at[joint] = angle, self._tick
                self._unanswered[joint] = 0
        reading = self._imu.read()
        if reading is not None and reading.news:
            self._imu_at = self._tick
        if reading is None or (self._read_at < 0).any():
            return None
        return Sensors(
            gyro=reading.gyro,
            orientation=reading.orientation,
            encoders=self._angles.copy(),
            read_at=self._read_at.copy(),
            tick=self._tick,
            unanswered=self._unanswered.copy(),
            imu_at=self._imu_at,
        )

    def unheard(self) -> tuple[str, ...]:
        """Name the IMU and each servo that never gave a reading."""
        servos = self._servos
        silent = (
            f"servo {servos.ids[joint]} ({servos.joints[joint]})"
            for joint in np.flatnonzero(self._read_at < 0)
        )
        return (*silent, *(() if self._imu.heard else ("the IMU",)))

    def alarm(self) -> str | None:
        """Say so when nobody would take the torque off, were this program killed."""
        return None if self._guarded else "the guardian of the servo bus is gone"

    def write(self, targets: np.ndarray) -> None:
        """Write all targets, each rounded to a count inside the joint's range. Shape (n,) [rad].

        Targets that are not numbers are not written.
        """
        if not np.isfinite(targets).all():
            return
        servos = self._servos
        counts = np.rint(servos.zeros + servos.signs * targets * PER_RADIAN)
        counts = np.clip(counts, self._lowest, self._highest).astype(int)
        frames = [protocol.move(int(i), int(c)) for i, c in zip(servos.ids, counts, strict=True)]
        if not self._torque:
            frames.insert(0, protocol.load(protocol.EVERYONE, True))
            self._torque = True
        self._bus.write(b"".join(frames), self._period)

    def stop(self) -> None:
        """Drop what waits to be sent, and take the torque off all servos at once."""
        self._torque = False
        self._bus.write_now(LET_GO)

    def close(self) -> None:
        """Take the torque off, and close both ports."""
        self.stop()
        self._bus.close()
        self._imu.close()

    def _ask(self, joint: int, deadline: float) -> float | None:
        """Return a joint's angle [rad]; None when its servo does not answer in time, or soundly."""
        servo = int(self._servos.ids[joint])
        until = min(self._clock() + ANSWER_TIME, deadline)
        self._parser.clear()
        self._bus.drop_input()  # an answer that comes too late is of another time
        self._bus.write(protocol.ask_position(servo), until - self._clock())
        while (wait := until - self._clock()) > 0:
            for frame in self._parser.feed(self._bus.read(wait)):
                position = protocol.read_position(frame)
                if frame.servo == servo and position is not None:
                    zero, sign = self._servos.zeros[joint], self._servos.signs[joint]
                    return float(sign * (position - zero) / PER_RADIAN)
        return None


def check_bus(bus: str | None, imu: str | None, calibration: Path | None) -> None:
    """Raise `ConfigError` for ports and files of a real robot that cannot be, or not together."""
    rest = {
        "--imu": (imu, "the serial port of the IMU (BNO085, UART-RVC mode)"),
        "--calibration": (calibration, "the file that says how its servos are mounted"),
    }
    for option, (value, what) in rest.items():
        if bus is None and value is not None:
            raise ConfigError(f"{option} needs --bus: the serial port of a real robot's servos")
        if bus is not None and value is None:
            raise ConfigError(f"--bus needs {option}: {what}; see docs/runtime.md")
    if bus is not None and imu is not None and os.path.realpath(bus) == os.path.realpath(imu):
        raise ConfigError(f"--bus and --imu are the same port, {bus}; expected one for each")


def open_bus_robot(description: Description, bus: str, imu: str, calibration: Path) -> BusRobot:
    """Open the ports of a robot, once its calibration was found to fit the policy.

    Raises:
        ConfigError: the calibration does not read or fit, or a port is missing.
    """
    servos = read_calibration(calibration)
    if servos.robot != description.robot:
        raise ConfigError(
            f"--calibration {calibration}: robot '{servos.robot}'; "
            f"the policy is for the robot '{description.robot}'"
        )
    period = description.control_period
    check_fits(description, Facts(servos.joints, servos.lower, servos.upper, period))
    port = GuardedPort(bus, protocol.BAUD, LET_GO)
    try:
        return BusRobot(servos, period, port, RvcImu(SerialPort(imu, IMU_BAUD)))
    except ConfigError:
        port.close()
        raise


def _check_budget(joints: int, questions: int, control_period: float) -> None:
    """Raise `ConfigError` when a control period's frames do not fit on the bus."""
    needed = protocol.bus_time(joints, questions)
    if needed > control_period:
        raise ConfigError(
            f"control period: {control_period} s in the policy; the servo bus takes "
            f"{needed:.4f} s for all targets and half of the readings"
        )


def _count_range(servos: Calibration) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest counts inside the joints' ranges. Shapes (n,)."""
    ends = [servos.zeros + servos.signs * end * PER_RADIAN for end in (servos.lower, servos.upper)]
    lowest, highest = np.ceil(np.minimum(*ends) - 1e-9), np.floor(np.maximum(*ends) + 1e-9)
    for index, name in enumerate(servos.joints):
        if lowest[index] < 0 or highest[index] > protocol.COUNTS:
            raise ConfigError(
                f"joint '{name}': its range is counts {lowest[index]:.0f} .. {highest[index]:.0f} "
                f"of its servo, which has 0 .. {protocol.COUNTS}"
            )
    return lowest, highest
