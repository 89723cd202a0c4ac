"""Measuring states that were reached without the environment, by the environment's own terms."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from wildrobot_cli.config.environment import EnvConfig
from wildrobot_cli.env.environment import Episode, WildRobotEnv
from wildrobot_cli.evaluation.rollout import record_step
from wildrobot_cli.evaluation.trajectory import Trajectory
from wildrobot_cli.physics.protocol import PhysicsState
from wildrobot_cli.simulated.robot import READOUT

Rows = Mapping[str, np.ndarray]


def faultless(config: EnvConfig) -> EnvConfig:
    """The same environment on MuJoCo C, with nothing random but start states and commands."""
    return config.undisturbed().model_copy(update={"engine": "mujoco"})


def judge(env: WildRobotEnv, asked: Rows, readout: Rows) -> Trajectory:
    """Measure states that followed commands, by the environment's own terms.

    Args:
        env: the environment.
        asked: `command` [m/s, m/s, rad/s], `heading_target` and `phase` [rad]. Shapes (T, N, ...).
        readout: states from the start on; see `simulated.robot.READOUT`. Shapes (T + 1, N, ...).
    """
    physics = {name: jnp.asarray(readout[name][1:]) for name in READOUT}
    tasks = {name: jnp.asarray(asked[name]) for name in ("command", "heading_target", "phase")}

    def one(state: dict[str, Any], task: dict[str, Any]) -> tuple[dict[str, jax.Array], jax.Array]:
        episode = _episode(env, state, task)
        return record_step(env, episode), env.failed(env.context(episode))

    rows, failed = jax.device_get(jax.jit(jax.vmap(jax.vmap(one)))(physics, tasks))
    finite = np.isfinite(readout["qpos"][1:]).all(axis=-1)
    alive = np.cumsum(failed | ~finite, axis=0) == 0
    return Trajectory(
        dt=env.dt,
        weight=env.robot.weight,
        gait_period=env.clock.longest_period,
        command=asked["command"],
        alive=alive,
        fell=~alive[-1],
        **rows,
    )


def _episode(env: WildRobotEnv, state: dict[str, Any], task: dict[str, Any]) -> Episode:
    """An episode in a given state, as far as the metrics read it."""
    nothing = jnp.zeros_like(state["actuator_force"])
    zero = jnp.zeros((), nothing.dtype)
    physics = PhysicsState(**state, time=zero, ok=jnp.ones((), bool))
    return Episode(
        physics=physics,
        params={},
        schedule=task["command"][None],
        action=nothing,
        last_action=nothing,
        encoders=nothing,
        **task,
    )
