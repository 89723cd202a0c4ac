"""What an exported policy is held to on a robot, as frozen typed models."""

from typing import Annotated

from pydantic import Field

from wildrobot_cli.config.base import Count, Model, Positive
from wildrobot_cli.config.loader import load
from wildrobot_cli.config.resources import config_dir


class SafetyConfig(Model):
    """Limits of the runtime's safety layer; see docs/runtime.md for what each trip does."""

    tilt_limit: Annotated[float, Field(gt=0, le=1.5708)]
    """Lean of the IMU at which the robot is stopped [rad]."""
    gyro_limit: Positive
    """Fastest that the IMU can turn; a reading beyond is rubbish [rad/s]."""
    joint_speed: Positive
    """Fastest that an encoder's angle can change, in no-load speeds of the servo."""
    angle_margin: Positive
    """How far beyond its range an encoder's angle may be [rad]."""
    target_rate: Positive
    """Fastest change of a joint target [rad/s]."""
    torque_reach: Positive
    """A target's largest distance from its joint, in distances that use up the motor's torque."""
    torque_share: Annotated[float, Field(gt=0, le=1)]
    """Share of the torque limit that a joint may take for `torque_time`."""
    torque_time: Positive
    """How long [s]."""
    missed_readings: Count
    """Control periods without the sensors, or a servo's answer, that stop the robot."""
    stale_joint: Count
    """Age of a joint's reading that stops the robot [control periods]."""
    frozen_imu: Count
    """Control periods in which the IMU repeats itself that stop the robot."""
    missed_deadline: Positive
    """Lateness of a control step that stops the robot [s]."""
    startup_time: Positive
    """Time in which the robot is led to its home pose [s]."""
    soft_stop_time: Positive
    """Time for which a soft stop damps the joints before it lets go [s]."""
    soft_stop_damping: Positive
    """Damping of a soft stop [Nm s/rad]."""


class DeployConfig(Model):
    """A file of `configs/deploy`."""

    control_period: Positive
    """Time between two readings of the robot: its bus sets it [s]."""
    command_ramp: tuple[Positive, Positive, Positive]
    """Fastest change of a command: forward, leftward, turning [m/s^2, m/s^2, rad/s^2]."""
    safety: SafetyConfig
    """The safety layer."""


def load_deploy() -> DeployConfig:
    """Load the packaged limits."""
    return load(DeployConfig, config_dir() / "deploy" / "default.yaml")
