"""A robot's YAML file, as frozen typed models: which part of the MJCF is which."""

from typing import Annotated

from pydantic import Field

from wildrobot_cli.config.base import Model, NonNegative, Positive

Name = Annotated[str, Field(min_length=1)]
Names = Annotated[tuple[Name, ...], Field(min_length=1)]


class ImuConfig(Model):
    """Sensors of the inertial measurement unit, by name."""

    gyro: Name
    """Gyro: angular velocity in the IMU's frame [rad/s]."""
    accelerometer: Name
    """Accelerometer: specific force in the IMU's frame [m/s^2]."""
    orientation: Name
    """Framequat: the IMU's orientation in the world."""


class FootConfig(Model):
    """A foot's site and sensors, by name."""

    site: Name
    """Site at the centre of the sole, z normal to it and up."""
    position: Name
    """Framepos of the site, in the world [m]."""
    velocity: Name
    """Framelinvel of the site, in the world [m/s]."""
    orientation: Name
    """Framezaxis of the site, in the world."""
    switches: Names
    """Touch sensors under the foot; their sum is the foot's normal force [N]."""


class FeetConfig(Model):
    """Both feet."""

    left: FootConfig
    """The left foot."""
    right: FootConfig
    """The right foot."""


class Servo(Model):
    """What an MJCF cannot say about the servos, the same for all joints."""

    no_load_speed: Positive
    """Speed at which the motor's torque is used up [rad/s]."""
    encoder_resolution: NonNegative
    """Step of the joint angle reading [rad]."""
    copper_loss: NonNegative
    """Heat in the winding for each squared torque [W/(Nm)^2]."""
    copper_loss_source: str
    """Where that constant comes from."""


class RobotConfig(Model):
    """A robot's YAML file."""

    name: Name
    """What the robot is called."""
    mjcf: Name
    """The MJCF file, relative to the YAML file."""
    home: Name
    """Keyframe of the standing pose (qpos) and of the targets that hold it (ctrl)."""
    joints: Names
    """Actuated joints, in the order of the MJCF's actuators: the order of actions."""
    root: Name
    """Body with the free joint."""
    heading_joint: Name | None
    """Yaw joint between the root and the IMU's body, or null where there is none."""
    imu: ImuConfig
    """The inertial measurement unit."""
    feet: FeetConfig
    """Both feet."""
    groups: dict[str, Names] = {}
    """Named groups of joints, for reward terms."""
    servo: Servo
    """The servos."""
