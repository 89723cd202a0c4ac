"""Rollouts of the training environment, recorded so that something else can follow them."""

from typing import TYPE_CHECKING

import jax
import numpy as np

from wildrobot_cli.env.environment import POLICY_KEY, WildRobotEnv
from wildrobot_cli.simulated.robot import READOUT
from wildrobot_cli.training.policy import PolicyFn

if TYPE_CHECKING:
    from brax.envs.base import State

Trace = dict[str, np.ndarray]
"""Rows by name, shapes (T, N, ...); of `simulated.robot.READOUT` the start too, (T + 1, N, ...)."""


def record(env: WildRobotEnv, act: PolicyFn, episodes: int, seed: int) -> Trace:
    """Roll out a policy and keep what it saw, what it did and where that led."""

    def step(state: "State", _: None) -> tuple["State", dict[str, jax.Array]]:
        action = act(state.obs)
        did = {"action": action, "targets": env.targets(action)}
        return jax.vmap(env.step)(state, action), {**_row(env, state), **did}

    def run(keys: jax.Array) -> tuple["State", dict[str, jax.Array]]:
        steps = env.config.episode_steps
        return jax.lax.scan(step, jax.vmap(env.reset)(keys), None, length=steps)

    end, rows = jax.jit(run)(jax.random.split(jax.random.PRNGKey(seed), episodes))
    trace = jax.device_get(rows)
    last = jax.device_get(_row(env, end))
    return trace | {name: np.concatenate([trace[name], last[name][None]]) for name in READOUT}


def _row(env: WildRobotEnv, state: "State") -> dict[str, jax.Array]:
    """What is kept of a batch of states before a control step."""
    episode, imu = state.pipeline_state, env.robot.imu
    names = ("command", "heading_target", "phase", "encoders")
    return {
        "observation": state.obs[POLICY_KEY],
        "gyro": episode.physics.sensordata[..., imu.gyro],
        "orientation": episode.physics.sensordata[..., imu.orientation],
        **{name: getattr(episode, name) for name in names},
        **{name: getattr(episode.physics, name) for name in READOUT},
    }
