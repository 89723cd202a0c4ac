"""What a robot is to everything else: indices, limits, gains, poses, places in sensordata."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import mujoco
import numpy as np

from wildrobot_cli.robot.schema import Servo


@dataclass(frozen=True)
class Imu:
    """Where the IMU's readings stand in sensordata."""

    gyro: slice
    """Angular velocity in the IMU's frame, 3 values [rad/s]."""
    accelerometer: slice
    """Specific force in the IMU's frame, 3 values [m/s^2]."""
    orientation: slice
    """Quaternion w x y z, IMU to world, 4 values."""


@dataclass(frozen=True)
class Foot:
    """Where a foot's readings stand in sensordata."""

    position: slice
    """Centre of the sole in the world, 3 values [m]."""
    velocity: slice
    """Velocity of the sole's centre in the world, 3 values [m/s]."""
    up: slice
    """The sole's upward normal in the world, 3 values."""
    switches: tuple[slice, ...]
    """Normal force on each foot switch, 1 value each [N]."""


@dataclass(frozen=True)
class Feet:
    """Both feet."""

    left: Foot
    """The left foot."""
    right: Foot
    """The right foot."""


@dataclass(frozen=True, eq=False)
class Robot:
    """A robot with n actuated joints, one position servo each. Arrays are read-only."""

    name: str
    """What the robot is called."""
    mjcf_path: Path
    """The MJCF file."""
    model: mujoco.MjModel
    """The compiled MJCF without what is only there to look at; see `visual_model`."""
    joint_names: tuple[str, ...]
    """Joint names, n of them, in the order of actions."""
    root_body: int
    """Index of the body with the free joint."""
    root_qpos: slice
    """The root's position [m] and quaternion w x y z in qpos, 7 values."""
    root_qvel: slice
    """The root's velocity in the world [m/s] and body rates [rad/s] in qvel, 6 values."""
    qpos_ids: np.ndarray
    """The joints' places in qpos. Shape (n,)."""
    qvel_ids: np.ndarray
    """The joints' places in qvel. Shape (n,)."""
    lower: np.ndarray
    """Lowest joint angles. Shape (n,) [rad]."""
    upper: np.ndarray
    """Highest joint angles. Shape (n,) [rad]."""
    kp: np.ndarray
    """Servo position gains. Shape (n,) [Nm/rad]."""
    torque_limit: np.ndarray
    """Largest torque of the motors, before damping. Shape (n,) [Nm]."""
    damping: np.ndarray
    """Joint damping; shaft torque is actuator_force - damping * qvel. Shape (n,) [Nm s/rad]."""
    home_qpos: np.ndarray
    """The standing pose. Shape (nq,)."""
    home_ctrl: np.ndarray
    """Targets that hold the standing pose. Shape (n,) [rad]."""
    mass: float
    """Mass of the whole robot [kg]."""
    imu: Imu
    """The inertial measurement unit."""
    feet: Feet
    """Both feet."""
    heading_joint: int | None
    """Index among the joints of the yaw joint between root and IMU, if there is one."""
    groups: dict[str, np.ndarray]
    """Named groups of joints: indices among the joints."""
    servo: Servo
    """What an MJCF cannot say about the servos."""
    fingerprint: str
    """SHA-256 over the MJCF and the YAML file, in hexadecimal."""

    @property
    def weight(self) -> float:
        """Weight of the whole robot [N]."""
        return self.mass * float(np.linalg.norm(self.model.opt.gravity))

    @property
    def imu_body(self) -> int:
        """Index of the body that carries the IMU."""
        model = self.model
        sensor = int(np.flatnonzero(model.sensor_adr == self.imu.orientation.start)[0])
        carrier = int(model.sensor_objid[sensor])
        on_site = model.sensor_objtype[sensor] == mujoco.mjtObj.mjOBJ_SITE
        return int(model.site_bodyid[carrier]) if on_site else carrier

    def visual_model(self) -> mujoco.MjModel:
        """Compile the MJCF with everything there is to look at, for rendering.

        The dynamics, and the layout of qpos, qvel, ctrl and sensordata, are those of `model`.
        """
        return mujoco.MjModel.from_xml_path(str(self.mjcf_path))

    def variant(self, edit: Callable[[mujoco.MjSpec], None]) -> "Robot":
        """Return this robot with its MJCF edited; what names refer to must stay."""
        spec = physics_spec(self.mjcf_path)
        edit(spec)
        return replace(self, model=spec.compile())


def physics_spec(mjcf_path: Path) -> mujoco.MjSpec:
    """Read an MJCF, to be compiled without what is only there to look at."""
    spec = mujoco.MjSpec.from_file(str(mjcf_path))
    spec.compiler.discardvisual = True
    return spec
