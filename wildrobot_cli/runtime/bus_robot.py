"""A real robot: position servos on one serial bus, and an IMU on a port of its own.

The bus is too slow to read every joint in a control period (`servo_protocol.bus_time`): all targets
are written and the joints whose reading is oldest are read, half of them a period.
"""

import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from wildrobot_cli.errors import ConfigError, suggest
from wildrobot_cli.runtime import servo_protocol as protocol
from wildrobot_cli.runtime.description import Description
from wildrobot_cli.runtime.estimation import oldest_readings
from wildrobot_cli.runtime.estimator import Sensors
from wildrobot_cli.runtime.hardware import Facts
from wildrobot_cli.runtime.imu import BAUD as IMU_BAUD
from wildrobot_cli.runtime.imu import RvcImu
from wildrobot_cli.runtime.serial_port import Port, SerialPort

ANSWER_TIME = 3e-3
"""How long a servo may take to answer [s]; its answer takes 0.7 ms of the bus."""
STOPS = 3
"""How often a stop is sent: the first may run into the end of a frame that was cut off."""
PER_RADIAN = protocol.COUNTS / math.radians(protocol.TRAVEL)
"""Counts of a servo's position in a radian."""


class Wiring(NamedTuple):
    """How n servos are mounted, in the joints' order."""

    ids: np.ndarray
    """Their ids on the bus. Shape (n,)."""
    zeros: np.ndarray
    """Their positions where the joints' angles are zero [counts]. Shape (n,)."""
    signs: np.ndarray
    """1, or -1 where a servo turns against its joint. Shape (n,)."""


class BusRobot:
    """See `runtime.hardware.Robot`."""

    def __init__(
        self,
        description: Description,
        wiring: Wiring,
        bus: Port,
        imu: RvcImu,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take open ports.

        Raises:
            ConfigError: the bus cannot carry the policy's control period, or a servo its range.
        """
        self._joints, self._wiring, self._bus, self._imu = description.joints, wiring, bus, imu
        self._clock = clock
        self._count = len(description.joints.names)
        self._share = math.ceil(self._count / 2)
        _check_budget(description, self._share)
        self._lowest, self._highest = _count_range(description, wiring)
        self._period = description.control_period
        self._parser = protocol.Parser()
        self._tick = 0
        self._angles = np.zeros(self._count)
        self._read_at = np.full(self._count, -1)
        self._unanswered = np.zeros(self._count, int)
        self._torque = False

    @property
    def facts(self) -> Facts:
        """The joints that the wiring names, at the control period that the bus carries."""
        joints = self._joints
        return Facts(joints.names, joints.lower, joints.upper, self._period)

    @property
    def corrupt_frames(self) -> int:
        """Frames that came in damaged."""
        return self._parser.corrupt

    def read(self, timeout: float) -> Sensors | None:
        """Ask the servos that were not asked for longest, and take the newest IMU reading."""
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
        if reading is None or (self._read_at < 0).any():
            return None
        return Sensors(
            gyro=reading.gyro,
            orientation=reading.orientation,
            encoders=self._angles.copy(),
            read_at=self._read_at.copy(),
            tick=self._tick,
            unanswered=self._unanswered.copy(),
        )

    def write(self, targets: np.ndarray) -> None:
        """Write all targets, each rounded to a count inside the joint's range. Shape (n,) [rad].

        Targets that are not numbers are not written.
        """
        if not np.isfinite(targets).all():
            return
        wiring = self._wiring
        counts = np.rint(wiring.zeros + wiring.signs * targets * PER_RADIAN)
        counts = np.clip(counts, self._lowest, self._highest).astype(int)
        frames = [protocol.move(int(i), int(c)) for i, c in zip(wiring.ids, counts, strict=True)]
        if not self._torque:
            frames.insert(0, protocol.load(protocol.EVERYONE, True))
            self._torque = True
        self._bus.write(b"".join(frames), self._period)

    def stop(self) -> None:
        """Drop what waits to be sent, and take the torque off all servos at once."""
        self._torque = False
        self._bus.write_now(STOPS * protocol.load(protocol.EVERYONE, False))

    def close(self) -> None:
        """Take the torque off, and close both ports."""
        self.stop()
        self._bus.close()
        self._imu.close()

    def _ask(self, joint: int, deadline: float) -> float | None:
        """Return a joint's angle [rad]; None when its servo does not answer in time, or soundly."""
        servo = int(self._wiring.ids[joint])
        until = min(self._clock() + ANSWER_TIME, deadline)
        self._parser.clear()
        self._bus.write(protocol.ask_position(servo), until - self._clock())
        while (wait := until - self._clock()) > 0:
            for frame in self._parser.feed(self._bus.read(wait)):
                position = protocol.read_position(frame)
                if frame.servo == servo and position is not None:
                    zero, sign = self._wiring.zeros[joint], self._wiring.signs[joint]
                    return float(sign * (position - zero) / PER_RADIAN)
        return None


def open_bus_robot(
    description: Description, bus: str, imu: str | None, calibration: Path | None
) -> BusRobot:
    """Open the ports of a robot.

    Raises:
        ConfigError: a port is missing, or the calibration or the policy does not fit.
    """
    if imu is None:
        raise ConfigError("--bus needs --imu: the serial port of the IMU (BNO085, UART-RVC mode)")
    wiring = read_wiring(description, calibration)
    servos = SerialPort(bus, protocol.BAUD)
    try:
        return BusRobot(description, wiring, servos, RvcImu(SerialPort(imu, IMU_BAUD)))
    except ConfigError:
        servos.close()
        raise


def read_wiring(description: Description, file: Path | None) -> Wiring:
    """Read a calibration: a JSON object with `id`, `zero` [counts] and `sign` for each joint.

    Without a file the ids are 1, 2, ... in the joints' order, zeros in the middle, signs positive.

    Raises:
        ConfigError: it does not read, or joints are missing, or ids stand twice.
    """
    names = description.joints.names
    if file is None:
        entries: list[Any] = [
            {"id": index + 1, "zero": protocol.COUNTS // 2, "sign": 1}
            for index in range(len(names))
        ]
    else:
        entries = _read_calibration(file, names)
    wiring = Wiring(
        *(np.array([entry[key] for entry in entries]) for key in ("id", "zero", "sign"))
    )
    if len(set(wiring.ids.tolist())) != len(names):
        raise ConfigError(f"{file}: two joints with one servo id")
    return wiring


def _read_calibration(file: Path, names: tuple[str, ...]) -> list[dict[str, int]]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"--calibration {file}: does not read: {error}") from None
    if not isinstance(content, dict):
        raise ConfigError(f"--calibration {file}: expected an object with an entry for each joint")
    for name in content:
        if name not in names:
            raise ConfigError(f"--calibration {file}: no joint '{name}'{suggest(name, names)}")
    for name in names:
        if not _is_entry(content.get(name)):
            raise ConfigError(
                f"--calibration {file}: {name}: expected id 0..{protocol.EVERYONE - 1}, "
                f"zero [counts] and sign 1 or -1, got {content.get(name)}"
            )
    return [content[name] for name in names]


def _is_entry(entry: Any) -> bool:
    if not isinstance(entry, dict) or set(entry) != {"id", "zero", "sign"}:
        return False
    whole = all(isinstance(value, int) for value in entry.values())
    return whole and 0 <= entry["id"] < protocol.EVERYONE and entry["sign"] in (1, -1)


def _check_budget(description: Description, questions: int) -> None:
    """Raise `ConfigError` when a control period's frames do not fit on the bus."""
    needed = protocol.bus_time(len(description.joints.names), questions)
    if needed > description.control_period:
        raise ConfigError(
            f"control period: {description.control_period} s in the policy; the servo bus takes "
            f"{needed:.4f} s for all targets and half of the readings"
        )


def _count_range(description: Description, wiring: Wiring) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest counts inside the joints' ranges. Shapes (n,)."""
    joints = description.joints
    ends = [wiring.zeros + wiring.signs * end * PER_RADIAN for end in (joints.lower, joints.upper)]
    lowest, highest = np.ceil(np.minimum(*ends) - 1e-9), np.floor(np.maximum(*ends) + 1e-9)
    for index, name in enumerate(joints.names):
        if lowest[index] < 0 or highest[index] > protocol.COUNTS:
            raise ConfigError(
                f"joint '{name}': its range is counts {lowest[index]:.0f} .. {highest[index]:.0f} "
                f"of its servo, which has 0 .. {protocol.COUNTS}"
            )
    return lowest, highest
