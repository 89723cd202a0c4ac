"""One robot in MuJoCo C, seen as the runtime sees a real one: sensors out, joint targets in."""

import mujoco
import numpy as np

from wildrobot_cli.config.environment import EnvConfig
from wildrobot_cli.physics.model import engine_model
from wildrobot_cli.robot import Robot, load_robot
from wildrobot_cli.runtime.control.estimator import Sensors
from wildrobot_cli.runtime.observing.observations import quantize

STATE = ("qpos", "qvel", "qacc_warmstart")
"""What a simulation is set to, with the time."""
READOUT = (*STATE, "sensordata", "actuator_force")
"""What is recorded of it."""


class SimulatedRobot:
    """A robot that starts in its home pose, at rest."""

    def __init__(self, config: EnvConfig) -> None:
        """Load the configured robot, with the physics of the environment on MuJoCo C.

        Raises:
            ConfigError: the robot does not load.
        """
        self.robot: Robot = load_robot(config.robot)
        self._model = engine_model(self.robot, config, config.mujoco)
        self._model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_AUTORESET
        self.substeps = config.substeps
        self.timestep = float(self._model.opt.timestep)
        self._data = mujoco.MjData(self._model)
        self._period = 0
        at_rest = np.zeros(self._model.nv)
        self.load(self.robot.home_qpos, at_rest, at_rest)

    def load(self, qpos: np.ndarray, qvel: np.ndarray, qacc_warmstart: np.ndarray) -> None:
        """Go to a state, and read the sensors there. Shapes (nq,), (nv,), (nv,)."""
        self.put(qpos, qvel, qacc_warmstart)
        self._data.ctrl[:] = self.robot.home_ctrl
        mujoco.mj_forward(self._model, self._data)

    def put(self, qpos: np.ndarray, qvel: np.ndarray, qacc_warmstart: np.ndarray) -> None:
        """Go to a state; the sensors keep what they read. Shapes (nq,), (nv,), (nv,)."""
        for name, value in zip(STATE, (qpos, qvel, qacc_warmstart), strict=True):
            getattr(self._data, name)[:] = value

    def step(self, targets: np.ndarray) -> None:
        """Take one control step under joint targets. Shape (n,) [rad]."""
        self.substep(targets, self.substeps)
        self.end_period()

    def substep(self, targets: np.ndarray | None, count: int = 1) -> None:
        """Take physics steps under joint targets, or with the servos' torque off. Shape (n,)."""
        self._model.actuator_gainprm[:, 0] = 0.0 if targets is None else self.robot.kp
        self._model.actuator_biasprm[:, 1] = 0.0 if targets is None else -self.robot.kp
        if targets is not None:
            self._data.ctrl[:] = targets
        mujoco.mj_step(self._model, self._data, nstep=count)

    def end_period(self) -> None:
        """Round to single precision, as the environment does from one control step to the next."""
        self._period += 1
        self.put(*(getattr(self._data, name).astype(np.float32) for name in STATE))

    def sensors(self) -> Sensors:
        """Return what the robot's own sensors give, without faults."""
        imu, readings = self.robot.imu, self._data.sensordata.astype(np.float32)
        angles = self._data.qpos[self.robot.qpos_ids].astype(np.float32)
        return Sensors(
            gyro=readings[imu.gyro],
            orientation=readings[imu.orientation],
            encoders=quantize(angles, self.robot.servo.encoder_resolution, np),
            read_at=np.full(len(angles), self._period),
            tick=self._period,
            unanswered=np.zeros(len(angles), int),
            imu_at=self._period,
        )

    def readout(self) -> dict[str, np.ndarray]:
        """Return the simulation's true state; see `READOUT`."""
        return {name: getattr(self._data, name).astype(np.float32) for name in READOUT}
