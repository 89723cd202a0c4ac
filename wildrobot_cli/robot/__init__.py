"""A robot: an MJCF biped, and a small YAML that says which of its parts is which."""

from wildrobot_cli.robot.description import Feet, Foot, Imu, Robot
from wildrobot_cli.robot.loading import load_robot
from wildrobot_cli.robot.schema import Servo

__all__ = ["Feet", "Foot", "Imu", "Robot", "Servo", "load_robot"]
