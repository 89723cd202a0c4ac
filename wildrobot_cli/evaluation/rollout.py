"""Rollouts of a policy, many at once, recorded for the metrics."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from brax.envs.base import State

from wildrobot_cli.env.environment import WildRobotEnv
from wildrobot_cli.evaluation.trajectory import Trajectory
from wildrobot_cli.training.policy import PolicyFn

CHUNK = 50
"""Control steps between two progress reports."""


def rollout(
    env: WildRobotEnv,
    act: PolicyFn,
    episodes: int,
    seed: int,
    on_progress: Callable[[float], None] | None = None,
) -> Trajectory:
    """Run full episodes in parallel and record them; nothing restarts after a fall.

    Args:
        env: the environment, not wrapped.
        act: batched observations to actions.
        episodes: how many, in parallel.
        seed: of start states, commands and noise.
        on_progress: called with the share that is done, in 0..1.
    """
    state = jax.jit(jax.vmap(env.reset))(jax.random.split(jax.random.PRNGKey(seed), episodes))
    steps = env.config.episode_steps
    chunk = next(size for size in range(min(CHUNK, steps), 0, -1) if steps % size == 0)
    advance = jax.jit(lambda s: jax.lax.scan(_recorded_step(env, act), s, None, length=chunk))
    parts = []
    for done in range(0, steps, chunk):
        state, part = advance(state)
        parts.append(jax.device_get(part))
        if on_progress:
            on_progress((done + chunk) / steps)
    record = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    alive = np.cumsum(record.pop("failed"), axis=0) == 0
    return Trajectory(
        dt=env.dt,
        weight=env.robot.weight,
        gait_period=env.clock.longest_period,
        alive=alive,
        fell=~alive[-1],
        **record,
    )


def _recorded_step(
    env: WildRobotEnv, act: PolicyFn
) -> Callable[[State, None], tuple[State, dict[str, jax.Array]]]:
    def step(state: State, _: None) -> tuple[State, dict[str, jax.Array]]:
        after = jax.vmap(env.step)(state, act(state.obs))
        record = jax.vmap(lambda episode: record_step(env, episode))(after.pipeline_state)
        asked = {"command": state.pipeline_state.command, "failed": after.done > 0}
        return after, record | asked

    return step


def record_step(env: WildRobotEnv, episode: Any) -> dict[str, jax.Array]:
    """Return what the metrics read of an episode after a control step; see `Trajectory`."""
    context, physics = env.context(episode), episode.physics
    return {
        "position": physics.qpos[env.robot.root_qpos][:3],
        "orientation": physics.qpos[env.robot.root_qpos][3:],
        "phase": episode.phase,
        "heading": context.heading,
        "velocity": context.velocity,
        "yaw_rate": context.angular_velocity[2],
        "joint_pos": physics.qpos[env.robot.qpos_ids],
        "joint_vel": context.joint_velocities,
        "torque": context.torque,
        "foot_force": context.foot_forces * env.robot.weight,
        "foot_position": context.foot_positions,
        "foot_velocity": context.foot_velocities,
    }
