"""What the robot's own sensors say of an episode's state, with the faults that they have."""

import jax
import jax.numpy as jnp

from wildrobot_cli.config.environment import EnvConfig
from wildrobot_cli.env.episode import Episode
from wildrobot_cli.robot import Robot
from wildrobot_cli.runtime.observing.estimation import Memory, Sensed, assemble
from wildrobot_cli.runtime.observing.observations import Readings


def read_sensors(
    robot: Robot, config: EnvConfig, episode: Episode, last_encoders: jax.Array, rng: jax.Array
) -> Readings:
    """Return what the policy's observation terms read.

    Args:
        robot: whose sensors these are.
        config: their faults, and the control period.
        episode: where it is.
        last_encoders: the encoders' readings one control step before [rad]. Shape (n,).
        rng: for the noise of the IMU.
    """
    faults, physics = config.sensors, episode.physics
    bias, reads = episode.disturbance.gyro_bias, episode.disturbance.reads
    noise = faults.scale * jax.random.normal(rng, (2, 3), physics.qpos.dtype)
    gyro = physics.sensordata[robot.imu.gyro] + faults.gyro_noise * noise[0]
    sensed = Sensed(
        gyro=gyro if bias is None else gyro + bias,
        orientation=physics.sensordata[robot.imu.orientation],
        encoders=episode.encoders,
        last_encoders=last_encoders if reads is None else reads.before,
        elapsed=config.control_period if reads is None else reads.elapsed,
    )
    memory = Memory(episode.command, episode.heading_target, episode.phase, episode.action)
    home = robot.home_qpos[robot.qpos_ids]
    readings = assemble(sensed, memory, home, robot.heading_joint, jnp)
    return readings._replace(up=readings.up + faults.tilt_noise * noise[1])
