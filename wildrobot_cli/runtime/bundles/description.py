"""What `policy.json` says: everything that a robot must know to run a policy; see `parsing`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from wildrobot_cli.runtime.bundles.section import Vector
from wildrobot_cli.runtime.observing.clock import Clock
from wildrobot_cli.runtime.observing.observations import Part

SCHEMA_VERSION = 3
"""Of `policy.json`; a bundle of another version is refused."""


@dataclass(frozen=True, eq=False)
class Joints:
    """The actuated joints, n of them, in the order of actions."""

    names: tuple[str, ...]
    """Their names."""
    home_position: Vector
    """Angles of the home pose. Shape (n,) [rad]."""
    home_target: Vector
    """Targets that hold the home pose. Shape (n,) [rad]."""
    lower: Vector
    """Lowest angles. Shape (n,) [rad]."""
    upper: Vector
    """Highest angles. Shape (n,) [rad]."""
    kp: Vector
    """Position gains of the servos. Shape (n,) [Nm/rad]."""
    torque_limit: Vector
    """Largest torques of the motors. Shape (n,) [Nm]."""
    damping: Vector
    """Dampings of the joints, taken off the motor's torque. Shape (n,) [Nm s/rad]."""


@dataclass(frozen=True)
class TermSlice:
    """One term's place in the observation."""

    name: str
    """Name of the term; see `runtime.observing.observations`."""
    start: int
    """First place."""
    stop: int
    """One beyond the last place."""
    scale: float
    """Factor on the term's values."""
    history: int
    """How many earlier control steps of it follow the present one, the newest first."""


@dataclass(frozen=True)
class Model:
    """An ONNX file of the bundle and what it takes and gives."""

    file: str
    """File name."""
    opset: int
    """Version of the ONNX operators."""


@dataclass(frozen=True)
class Safety:
    """What the runtime holds every policy to."""

    tilt_limit: float
    """Lean of the IMU at which the robot is stopped [rad]."""
    gyro_limit: float
    """Fastest that the IMU can turn; a reading beyond is rubbish [rad/s]."""
    joint_speed: float
    """Fastest that an encoder's angle can change, in no-load speeds of the servo."""
    angle_margin: float
    """How far beyond its range an encoder's angle may be [rad]."""
    target_rate: float
    """Fastest change of a joint target [rad/s]."""
    torque_reach: float
    """A target's distance from the joint, in distances at which the motor's torque is used up."""
    torque_share: float
    """Share of the torque limit that a joint may take for `torque_time`."""
    torque_time: float
    """How long [s]."""
    missed_readings: int
    """Control periods without a reading of the sensors that stop the robot."""
    stale_joint: int
    """Age of a joint's reading that stops the robot, in control periods."""
    frozen_imu: int
    """Control periods in which the IMU repeats itself that stop the robot."""
    missed_deadline: float
    """Lateness of a control step that stops the robot [s]."""
    startup_time: float
    """Time in which the robot is led to its home pose [s]."""
    soft_stop_time: float
    """Time for which a soft stop damps the joints before it lets go [s]."""
    soft_stop_damping: float
    """Damping of a soft stop [Nm s/rad]."""


@dataclass(frozen=True, eq=False)
class Commands:
    """What the policy was trained to follow: forward, leftward [m/s], turning [rad/s]."""

    lowest: Vector
    """Shape (3,)."""
    highest: Vector
    """Shape (3,)."""
    ramp: Vector
    """Fastest change of a command [m/s^2, m/s^2, rad/s^2]. Shape (3,)."""


@dataclass(frozen=True, eq=False)
class Description:
    """A whole `policy.json`."""

    name: str
    """Name of the run that the policy comes from."""
    robot: str
    """Name of the robot."""
    control_period: float
    """Time between two targets [s]."""
    clock: Clock
    """The phase clock."""
    action_scale: float
    """Joint angle around the home targets for an action of 1 [rad]."""
    encoder_resolution: float
    """Step of the joint angle reading [rad]."""
    no_load_speed: float
    """Fastest that a servo turns [rad/s]."""
    heading_joint: int | None
    """Index of the yaw joint between root and IMU, if there is one."""
    joints: Joints
    """The joints."""
    observation: tuple[TermSlice, ...]
    """The policy's observation."""
    commands: Commands
    """Velocity commands."""
    safety: Safety
    """Limits of the safety layer."""
    model: Model
    """The policy."""
    quantized: Model | None
    """The policy with weights of 8 bits, if there is one."""
    document: Mapping[str, Any] = field(repr=False)
    """The file's whole content."""

    @property
    def observation_size(self) -> int:
        """How many numbers the policy sees."""
        return self.observation[-1].stop

    @property
    def observation_names(self) -> tuple[str, ...]:
        """What each number is that the policy sees, such as `gyro[1]`. Length d."""
        return tuple(name for term in self.observation for name in _names(term))

    @property
    def parts(self) -> dict[str, Part]:
        """How each term enters the observation, in order."""
        return {term.name: Part(term.scale, term.history) for term in self.observation}


def _names(term: TermSlice) -> Iterator[str]:
    """What each number of a term is; `gyro[1]-2` is of two control steps before."""
    size = (term.stop - term.start) // (1 + term.history)
    for step in range(1 + term.history):
        yield from (f"{term.name}[{index}]" + (f"-{step}" if step else "") for index in range(size))
