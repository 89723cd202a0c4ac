"""What an episode has to bear beside its task: a robot that differs, sensors, delays, the world.

Everything defaults to nothing, and nothing costs nothing.
"""

from typing import Self

from pydantic import model_validator

from wildrobot_cli.config.base import Model, NonNegative, Positive, Range, Unit

STEEPEST = 0.79
"""Largest incline [rad]: 45 degrees, on which no robot of ours stands. Degrees are above it."""


def _check_ordered(model: Model, *names: str) -> None:
    """Raise `ValueError` for a range that is not 0 <= lowest <= highest."""
    for name in names:
        low, high = getattr(model, name)
        if not 0 <= low <= high:
            raise ValueError(f"{name}: expected 0 <= lowest <= highest, got {low}, {high}")


class CurriculumConfig(Model):
    """Little at first, more by success, in training alone.

    Of the commands' ranges a share about their middle is in use; of what the robot differs by, of
    delays, constant errors of sensors, pushes and ground an episode bears the same share.
    """

    start: Unit
    """Share at first."""
    widening: Positive
    """Added to the share at each success."""
    velocity_error: Positive
    """Success is a mean velocity error below this [m/s] ..."""
    falls: NonNegative
    """... with at most this many falls a second of a robot [1/s] ..."""
    window: Positive
    """... over this time [s]."""


class RandomizationConfig(Model):
    """Per-episode draws of the robot; ranges are factors of its own values."""

    friction: Range = (1.0, 1.0)
    """Factor on contact friction."""
    mass: Range = (1.0, 1.0)
    """Factor on each body's mass and inertia."""
    chassis_mass: Range = (1.0, 1.0)
    """One more factor, on the mass and inertia of the body that carries the IMU: payload."""
    com: NonNegative = 0.0
    """Largest offset of that body's centre of mass, each axis [m]."""
    damping: Range = (1.0, 1.0)
    """Factor on each joint's damping."""
    friction_loss: Range = (1.0, 1.0)
    """Factor on each joint's dry friction."""
    armature: Range = (1.0, 1.0)
    """Factor on each joint's rotor inertia."""
    gain: Range = (1.0, 1.0)
    """Factor on each servo's position gain."""
    torque_limit: Range = (1.0, 1.0)
    """Factor on each servo's torque limit."""
    joint_offset: NonNegative = 0.0
    """Largest error of each joint's zero, which encoder and target share [rad]."""

    @model_validator(mode="after")
    def _factors(self) -> Self:
        for name, limits in self:
            if isinstance(limits, tuple) and not 0 < limits[0] <= limits[1]:
                raise ValueError(
                    f"{name}: expected 0 < lowest <= highest, got {limits[0]}, {limits[1]}"
                )
        return self


class SensorConfig(Model):
    """What the sensors get wrong. Encoder resolution is the robot's, in its YAML."""

    gyro_noise: NonNegative
    """Standard deviation of the angular velocity reading [rad/s]."""
    tilt_noise: NonNegative
    """Standard deviation of the up vector's components [-]."""
    gyro_bias: NonNegative = 0.0
    """Largest constant error of the angular velocity, each axis, drawn for an episode [rad/s]."""
    encoder_noise: NonNegative = 0.0
    """Standard deviation of a joint angle before it is rounded to the resolution [rad]."""
    scale: NonNegative = 1.0
    """Factor on all of these."""
    half_read: bool = False
    """Whether a control period reads half of the joints, as a slow bus does."""


class DelayConfig(Model):
    """From the policy's output to the servos, in whole physics steps."""

    latency: Range = (0.0, 0.0)
    """Delay, drawn for an episode [s]."""
    jitter: NonNegative = 0.0
    """Largest further delay, drawn for each output [s]."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        _check_ordered(self, "latency")
        return self


class PushConfig(Model):
    """Horizontal forces on the root body, from any side."""

    force: Range
    """Size of a push [N]."""
    duration: Positive
    """How long it lasts, in whole control periods [s]."""
    interval: Range
    """From the end of one, or the start of the episode, to the next [s]."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        _check_ordered(self, "force", "interval")
        return self


class DropoutConfig(Model):
    """Servos that take no new targets for a while, one at a time."""

    duration: Positive
    """How long, in whole control periods [s]."""
    interval: Range
    """From the end of one, or the start of the episode, to the next [s]."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        _check_ordered(self, "interval")
        return self


class BumpConfig(Model):
    """Uneven ground."""

    height: Range
    """Bound on the difference between its highest and lowest place, drawn for an episode [m]."""
    wavelength: Range
    """From crest to crest [m]."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        _check_ordered(self, "height", "wavelength")
        if self.wavelength[0] == 0:
            raise ValueError(f"wavelength: expected more than 0, got {self.wavelength[0]}")
        return self


class TerrainConfig(Model):
    """Ground that is not a level floor; it is drawn for an episode, and runs in any direction."""

    slope: Range = (0.0, 0.0)
    """Angle of its incline [rad]."""
    bumps: BumpConfig | None = None
    """What it has on top of that."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        _check_ordered(self, "slope")
        if self.slope[1] > STEEPEST:
            raise ValueError(f"slope: expected at most {STEEPEST} [rad], got {self.slope[1]}")
        return self
