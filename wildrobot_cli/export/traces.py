"""Rollouts of the training environment, recorded so that something else can follow them."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from brax.envs.base import State

from wildrobot_cli.config.schema import EnvConfig
from wildrobot_cli.env.environment import POLICY_KEY, Episode, WildRobotEnv
from wildrobot_cli.evaluation.rollout import record_step
from wildrobot_cli.evaluation.trajectory import Trajectory
from wildrobot_cli.physics.protocol import PhysicsState
from wildrobot_cli.simulated.robot import READOUT
from wildrobot_cli.training.policy import PolicyFn

Trace = dict[str, np.ndarray]
"""Rows by name, shapes (T, N, ...); of `simulated.robot.READOUT` the start too, (T + 1, N, ...)."""


def faultless(config: EnvConfig) -> EnvConfig:
    """The same environment on MuJoCo C, with nothing random but start states and commands."""
    sensors = config.sensors.model_copy(
        update=dict.fromkeys(type(config.sensors).model_fields, 0.0)
    )
    randomization = type(config.randomization)()
    changes = {"engine": "mujoco", "sensors": sensors, "randomization": randomization}
    return config.model_copy(update=changes)


def record(env: WildRobotEnv, act: PolicyFn, episodes: int, seed: int) -> Trace:
    """Roll out a policy and keep what it saw, what it did and where that led."""

    def step(state: State, _: None) -> tuple[State, dict[str, jax.Array]]:
        action = act(state.obs)
        return jax.vmap(env.step)(state, action), {**_row(env, state), "action": action}

    def run(keys: jax.Array) -> tuple[State, dict[str, jax.Array]]:
        steps = env.config.episode_steps
        return jax.lax.scan(step, jax.vmap(env.reset)(keys), None, length=steps)

    end, rows = jax.jit(run)(jax.random.split(jax.random.PRNGKey(seed), episodes))
    trace = jax.device_get(rows)
    last = jax.device_get(_row(env, end))
    return trace | {name: np.concatenate([trace[name], last[name][None]]) for name in READOUT}


def judge(env: WildRobotEnv, trace: Trace, readout: Trace) -> Trajectory:
    """Measure states that followed a trace's commands, by the environment's own terms.

    Args:
        env: the environment.
        trace: for its commands.
        readout: states from the start on; see `simulated.robot.READOUT`. Shapes (T + 1, N, ...).
    """
    physics = {name: jnp.asarray(readout[name][1:]) for name in READOUT}
    asked = {name: jnp.asarray(trace[name]) for name in ("command", "heading_target", "phase")}

    def one(state: dict[str, Any], task: dict[str, Any]) -> tuple[dict[str, jax.Array], jax.Array]:
        episode = _episode(env, state, task)
        return record_step(env, episode), env.failed(env.context(episode))

    rows, failed = jax.device_get(jax.jit(jax.vmap(jax.vmap(one)))(physics, asked))
    finite = np.isfinite(readout["qpos"][1:]).all(axis=-1)
    alive = np.cumsum(failed | ~finite, axis=0) == 0
    return Trajectory(
        dt=env.dt,
        weight=env.robot.weight,
        gait_period=1.0 / env.config.gait.frequency,
        command=trace["command"],
        alive=alive,
        fell=~alive[-1],
        **rows,
    )


def _row(env: WildRobotEnv, state: State) -> dict[str, jax.Array]:
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
