"""Whether what the sensors say can be at all: finite rubbish is rubbish too."""

from collections.abc import Iterator

import numpy as np

from wildrobot_cli.runtime.bundles.description import Description
from wildrobot_cli.runtime.control.estimator import Sensors
from wildrobot_cli.runtime.control.watchdogs import Trip

NORM = 0.1
"""How far the length of a unit quaternion may be off."""


class Plausibility:
    """Judges readings by what this robot can do."""

    def __init__(self, description: Description) -> None:
        """Take the limits of a bundle."""
        self._names, safety = description.joints.names, description.safety
        self._gyro = safety.gyro_limit
        self._lower = description.joints.lower - safety.angle_margin
        self._upper = description.joints.upper + safety.angle_margin
        speed = safety.joint_speed * description.no_load_speed
        self._step = speed * description.control_period
        self._rounding = description.encoder_resolution

    def __call__(self, sensors: Sensors, before: Sensors | None) -> Trip | None:
        """Return what is wrong with a reading, if something is; `before` is the last good one."""
        return next(self._faults(sensors, before), None)

    def joints(self, sensors: Sensors, before: Sensors | None) -> np.ndarray:
        """Say which joints' angles can be. Shape (n,), bool."""
        angles = sensors.encoders
        sound = np.isfinite(angles) & (angles >= self._lower) & (angles <= self._upper)
        return sound if before is None else sound & ~self._jumped(sensors, before)

    def _jumped(self, sensors: Sensors, before: Sensors) -> np.ndarray:
        """Which joints went faster than they can. Shape (n,), bool."""
        moved = np.abs(sensors.encoders - before.encoders)
        periods = np.maximum(sensors.read_at - before.read_at, 1)
        return moved > periods * self._step + self._rounding

    def _faults(self, sensors: Sensors, before: Sensors | None) -> Iterator[Trip]:
        for name in ("gyro", "orientation", "encoders"):
            value = getattr(sensors, name)
            if not np.isfinite(value).all():
                places = np.flatnonzero(~np.isfinite(value)).tolist()
                yield Trip("sensor", f"{name} is not a number, at {places}")
        length = float(np.linalg.norm(sensors.orientation))
        if abs(length - 1.0) > NORM:
            yield Trip("sensor", f"orientation has the length {length:.3g}, not 1")
        fastest = float(np.abs(sensors.gyro).max())
        if fastest > self._gyro:
            yield Trip("sensor", f"gyro says {fastest:.3g} rad/s; it measures {self._gyro:g}")
        yield from self._impossible_angles(sensors)
        if before is not None:
            yield from self._jumps(sensors, before)

    def _impossible_angles(self, sensors: Sensors) -> Iterator[Trip]:
        angles = sensors.encoders
        for joint in np.flatnonzero((angles < self._lower) | (angles > self._upper)):
            reach = f"{self._lower[joint]:.2f} .. {self._upper[joint]:.2f} rad"
            name = self._names[joint]
            yield Trip("sensor", f"joint '{name}' is at {angles[joint]:.2f}, beyond {reach}")

    def _jumps(self, sensors: Sensors, before: Sensors) -> Iterator[Trip]:
        for joint in np.flatnonzero(self._jumped(sensors, before)):
            moved = abs(sensors.encoders[joint] - before.encoders[joint])
            times = max(sensors.read_at[joint] - before.read_at[joint], 1)
            detail = f"joint '{self._names[joint]}' went {moved:.2f} rad in {times} control periods"
            yield Trip("sensor", detail)
