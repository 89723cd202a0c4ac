"""What the runtime asks of a robot, be it simulated or real."""

from typing import NamedTuple, Protocol

import numpy as np

from wildrobot_cli.errors import ConfigError, suggest
from wildrobot_cli.runtime.bundles.description import Description
from wildrobot_cli.runtime.control.estimator import Sensors


class Facts(NamedTuple):
    """What a robot says of itself; a policy must be made for it."""

    joints: tuple[str, ...]
    """Names of its n joints, in the order of its sensors and targets."""
    lower: np.ndarray
    """Lowest joint angles. Shape (n,) [rad]."""
    upper: np.ndarray
    """Highest joint angles. Shape (n,) [rad]."""
    control_period: float
    """Time between two readings [s]."""


class Robot(Protocol):
    """A robot that is read and written once a control period."""

    @property
    def facts(self) -> Facts:
        """What it is."""
        ...

    def read(self, timeout: float) -> Sensors | None:
        """Return the newest sensors; None when nothing new came within `timeout` [s]."""
        ...

    def unheard(self) -> tuple[str, ...]:
        """Name what has not given any reading yet."""
        ...

    def alarm(self) -> str | None:
        """Say what is wrong with it that no reading tells, if anything is."""
        ...

    def write(self, targets: np.ndarray) -> None:
        """Hand joint targets to the servos. Shape (n,) [rad]."""
        ...

    def stop(self) -> None:
        """Take the torque off all servos, at once; for any thread, at any time, again and again."""
        ...

    def close(self) -> None:
        """Take the torque off, and let go of the connection."""
        ...


def check_fits(description: Description, facts: Facts) -> None:
    """Raise `ConfigError` when a policy was not made for this robot; it names what differs."""
    joints = description.joints
    for index, name in enumerate(joints.names):
        if name not in facts.joints:
            hint = suggest(name, facts.joints)
            raise ConfigError(f"the robot has no joint '{name}' of the policy{hint}")
        if facts.joints.index(name) != index:
            raise ConfigError(
                f"joint '{name}' is number {index} for the policy, "
                f"{facts.joints.index(name)} on the robot"
            )
    if len(facts.joints) != len(joints.names):
        extra = ", ".join(facts.joints[len(joints.names) :])
        raise ConfigError(f"the robot has joints that the policy lacks: {extra}")
    for index, name in enumerate(joints.names):
        policys = (float(joints.lower[index]), float(joints.upper[index]))
        robots = (float(facts.lower[index]), float(facts.upper[index]))
        if policys != robots:
            raise ConfigError(
                f"joint '{name}': limits {policys[0]} .. {policys[1]} rad in the policy, "
                f"{robots[0]} .. {robots[1]} rad on the robot"
            )
    if abs(description.control_period - facts.control_period) > 1e-9:
        raise ConfigError(
            f"control period: {description.control_period} s in the policy, "
            f"{facts.control_period} s on the robot"
        )
