"""An engine without physics, so that a test says what the robot does and what its sensors read."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from brax.envs.base import State

from wildrobot_cli import Robot, WildRobotEnv
from wildrobot_cli.physics.protocol import Params, PhysicsState
from wildrobot_cli.runtime.observing.observations import TERMS, Readings

SETTINGS = tuple(
    f"env.{setting}"
    for setting in (
        "control_period=0.02",
        "episode_length=20.0",
        "action_scale=0.5",
        "fall_penalty=0.2",
        "commands={forward: [0.1, 0.5], lateral: [0, 0], yaw_rate: [0, 0], hold: 10.0, "
        "zero_probability: 0}",
        "gait={frequency: 1.6, swing_fraction: 0.4}",
        "sensors={gyro_noise: 0, tilt_noise: 0}",
        "randomization={}",
        "observations={gyro: {}, up_vector: {}, heading_error: {}, command: {}, phase: {}, "
        "joint_positions: {}, joint_velocities: {scale: 0.1}, last_action: {}}",
        "privileged={root_velocity: {}, root_height: {}, foot_heights: {scale: 10.0}, "
        "foot_forces: {}}",
        "rewards={track_velocity: {weight: 2.0, sigma: 0.2}, alive: {weight: 0.5}, "
        "track_heading: {weight: 0.5, sigma: 0.2}, tilt_l2: {weight: -1.0}, "
        "action_rate_l2: {weight: -0.01}, torque_l2: {weight: -0.002}, "
        "joint_deviation_l2: {weight: -0.2, group: lateral}}",
        "terminations={tilted: {limit: 0.8}, too_low: {limit: 0.3}}",
    )
)
"""A configuration that the tests know by heart, whatever the default is."""


class PuppetEngine:
    """Joints are where their targets say; all else stays as it is. What failed turns to rubbish."""

    name = "puppet"

    def __init__(self, robot: Robot, control_period: float) -> None:
        self._robot = robot
        self.model = robot.model
        self._control_period = control_period
        self._sensors = np.zeros(robot.model.nsensordata)
        self._sensors[robot.imu.orientation] = 1.0, 0.0, 0.0, 0.0
        for foot in (robot.feet.left, robot.feet.right):
            self._sensors[foot.up] = 0.0, 0.0, 1.0

    def init(
        self, params: Params, qpos: jax.Array, qvel: jax.Array, ctrl: jax.Array
    ) -> PhysicsState:
        """Stand, with level sensors, whatever the state."""
        time = jnp.zeros((), qpos.dtype)
        sensors = jnp.asarray(self._sensors, qpos.dtype)
        zeros = jnp.zeros_like(qvel), sensors, jnp.zeros_like(ctrl)
        return PhysicsState(qpos, qvel, *zeros, time, jnp.ones((), bool))

    def step(
        self, params: Params, state: PhysicsState, ctrl: jax.Array, wrench: jax.Array
    ) -> PhysicsState:
        """Put the joints where their targets are."""
        rubbish = jnp.where(state.ok, 0.0, jnp.nan)
        moved = jax.tree.map(lambda leaf: leaf + rubbish, state.replace(ok=rubbish))
        return moved.replace(
            qpos=moved.qpos.at[self._robot.qpos_ids].set(jnp.atleast_2d(ctrl)[-1]),
            time=moved.time + self._control_period,
            ok=state.ok,
        )


def put(state: State, **fields: Any) -> State:
    """The state with physics fields (values, or functions of the old) or episode fields set."""
    episode = state.pipeline_state
    physics = {name: fields.pop(name) for name in list(fields) if hasattr(episode.physics, name)}
    for name, value in physics.items():
        old = getattr(episode.physics, name)
        value = value(old) if callable(value) else value
        physics[name] = jnp.broadcast_to(jnp.asarray(value, old.dtype), old.shape)
    for name, value in fields.items():
        fields[name] = jnp.asarray(value, getattr(episode, name).dtype)
    episode = episode.replace(physics=episode.physics.replace(**physics), **fields)
    return state.replace(pipeline_state=episode)


def sizes(env: WildRobotEnv) -> dict[str, int]:
    """The terms of the policy's observation, in order, and how many numbers each has."""
    vectors, joints = [np.zeros(3)] * 2, [np.zeros(env.action_size)] * 3
    blank = Readings(*vectors, np.zeros(()), np.zeros(3), np.zeros(()), *joints)
    return {name: TERMS[name](blank, np).size for name in env.config.observations}


def read(env: WildRobotEnv, obs: dict[str, jax.Array], term: str) -> np.ndarray:
    """A term's part of the policy's observation."""
    names, ends = list(sizes(env)), np.cumsum(list(sizes(env).values()))
    return np.split(np.asarray(obs["state"]), ends[:-1], axis=-1)[names.index(term)]


def tilt(angle: float) -> list[float]:
    """Quaternion of a lean about x by an angle [rad]."""
    return [np.cos(angle / 2), np.sin(angle / 2), 0.0, 0.0]


def turn(angle: float) -> list[float]:
    """Quaternion of a turn about z by an angle [rad]."""
    return [np.cos(angle / 2), 0.0, 0.0, np.sin(angle / 2)]
