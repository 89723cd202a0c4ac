"""Rollouts of a policy, many at once, recorded for the metrics."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from brax.envs.base import State

from wildrobot_cli.env.environment import WildRobotEnv
from wildrobot_cli.evaluation.trajectory import NOT_FINITE, Trajectory
from wildrobot_cli.training.policy import Policy

CHUNK = 50
"""Control steps between two progress reports."""

Record = dict[str, Any]


def rollout(
    env: WildRobotEnv,
    policy: Policy,
    episodes: int,
    seed: int,
    on_progress: Callable[[float], None] | None = None,
) -> Trajectory:
    """Run full episodes in parallel and record them; nothing restarts after a fall.

    It ends early when all have fallen. The compiled program takes the policy as an argument and
    knows nothing of what resets draw: scenarios that differ in those alone share it through
    JAX's compilation cache, as do all runs of one shape.

    Args:
        env: the environment, not wrapped.
        policy: what acts.
        episodes: how many, in parallel.
        seed: of start states, commands and noise.
        on_progress: called with the share that is done, in 0..1.
    """
    state = jax.jit(jax.vmap(env.reset))(jax.random.split(jax.random.PRNGKey(seed), episodes))
    steps = env.config.episode_steps
    advance = jax.jit(_advance(env, min(CHUNK, steps)))
    parts: list[Record] = []
    down = np.zeros(episodes, dtype=np.bool_)
    while len(parts) * CHUNK < steps and not down.all():
        state, part = advance(policy, state)
        parts.append(jax.device_get(part))
        down |= (parts[-1]["failure"] > 0).any(axis=0)
        if on_progress:
            on_progress(1.0 if down.all() else min(1.0, len(parts) * CHUNK / steps))
    record = {key: np.concatenate([part[key] for part in parts])[:steps] for key in parts[0]}
    episode = jax.device_get(state.pipeline_state)
    servos = episode.params.get("actuator_forcerange")
    limit = None if servos is None else servos[..., 1]
    return replace(trajectory_of(env, record), ground=episode.ground, torque_limit=limit)


def _advance(env: WildRobotEnv, chunk: int) -> Callable[[Policy, State], tuple[State, Record]]:
    """Return a function that takes `chunk` control steps and records them."""

    def advance(policy: Policy, state: State) -> tuple[State, Record]:
        def step(state: State, _: None) -> tuple[State, Record]:
            after = jax.vmap(env.step)(state, policy.act(state.obs))
            record = jax.vmap(lambda episode: record_step(env, episode))(after.pipeline_state)
            return after, record | {"command": state.pipeline_state.command}

        return jax.lax.scan(step, state, None, length=chunk)

    return advance


def record_step(env: WildRobotEnv, episode: Any) -> Record:
    """Return what the metrics read of an episode after a control step; see `Trajectory`.

    `failure` is the place in `failures` of the first that the state shows.
    """
    context, physics = env.context(episode), episode.physics
    shown = jnp.stack([~physics.ok, *env.terminations(context).values()])
    return {
        "failure": jnp.where(shown.any(), 1 + jnp.argmax(shown), 0),
        "position": physics.qpos[env.robot.root_qpos][:3],
        "orientation": physics.qpos[env.robot.root_qpos][3:],
        "phase": episode.phase,
        "heading": context.heading,
        "velocity": context.velocity,
        "yaw_rate": context.angular_velocity[2],
        "joint_pos": physics.qpos[env.robot.qpos_ids],
        "joint_vel": context.joint_velocities,
        "torque": context.torque,
        "motor_torque": physics.actuator_force,
        "foot_force": context.foot_forces * env.robot.weight,
        "foot_position": context.foot_positions,
        "foot_velocity": context.foot_velocities,
    }


def failures(env: WildRobotEnv) -> tuple[str, ...]:
    """What an episode can fail of: nothing, the simulation, then the termination terms."""
    return ("", NOT_FINITE, *env.config.terminations)


def trajectory_of(env: WildRobotEnv, record: Record) -> Trajectory:
    """Make a trajectory of `record_step`'s rows and the commands. Shapes (T, N, ...)."""
    rows = dict(record)
    failure = rows.pop("failure")
    alive = np.cumsum(failure, axis=0) == 0
    first = failure[np.argmax(failure > 0, axis=0), np.arange(failure.shape[1])]
    return Trajectory(
        dt=env.dt,
        weight=env.robot.weight,
        gait_period=env.clock.longest_period,
        alive=alive,
        fell=~alive[-1],
        cause=np.array(failures(env))[first],
        **rows,
    )
