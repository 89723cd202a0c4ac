"""Physics and environment as compiled JAX programs, ready to be timed."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from wildrobot_cli.bench.rows import Key, Row
from wildrobot_cli.bench.stopwatch import Stopwatch, turns
from wildrobot_cli.env.environment import Episode, WildRobotEnv
from wildrobot_cli.env.wrappers import wrap_for_training
from wildrobot_cli.physics.factory import resolve_impl
from wildrobot_cli.training.memory import peak_memory_mb

CHUNK = 10
"""Control steps in one call of a compiled program."""
REPEATS = 5
"""Turns that a row has unless told otherwise; the median counts."""
_NOISE = 0.3
"""Standard deviation of random actions: the robot sways and steps."""

Program = Callable[[jax.Array, Any], tuple[jax.Array, Any]]
"""From a key and a state to the next ones."""


def physics(env: WildRobotEnv, start: Episode, stopwatch: Stopwatch) -> None:
    """Step an engine alone; see `physics_program`."""
    program, state = physics_program(env, start)
    _loop(program, state, start.action.shape[0], stopwatch)


def physics_program(env: WildRobotEnv, start: Episode) -> tuple[Program, Any]:
    """Return `CHUNK` control steps of an engine, with targets around the home pose, and a start.

    Each call begins where the episodes do: fallen robots have other contacts, and other costs.

    Args:
        env: its engine is stepped, on the ground of the episodes.
        start: episodes at their start, made by any engine. Leaves (num_envs, ...).
    """

    @jax.vmap
    def step(episode: Episode, action: jax.Array) -> Episode:
        still = jnp.zeros(6, action.dtype)
        params, targets = env.params(episode), env.targets(action)
        after = env.engine.step(params, episode.physics, targets, still)
        return episode.replace(physics=after)  # type: ignore[attr-defined]

    def body(episode: Episode, key: jax.Array) -> tuple[Episode, None]:
        return step(episode, _NOISE * jax.random.normal(key, start.action.shape)), None

    def program(rng: jax.Array, state: Any) -> tuple[jax.Array, Any]:
        upright, _ = state
        rng, key = jax.random.split(rng)
        after, _ = jax.lax.scan(body, upright, jax.random.split(key, CHUNK))
        return rng, (upright, after.physics)

    return program, (start, start.physics)


def environment(env: WildRobotEnv, num_envs: int, stopwatch: Stopwatch) -> None:
    """Step the environment with all that training does: restarts, rewards, observations."""
    program, start = environment_program(env, num_envs)
    _loop(program, start, num_envs, stopwatch)


def environment_program(env: WildRobotEnv, num_envs: int) -> tuple[Program, Any]:
    """Return `CHUNK` control steps of the environment with random actions, and a start."""
    wrapped = wrap_for_training(env, env.config.episode_steps)
    start = jax.jit(wrapped.reset)(jax.random.split(jax.random.PRNGKey(0), num_envs))

    def program(rng: jax.Array, state: Any) -> tuple[jax.Array, Any]:
        def body(state: Any, key: jax.Array) -> tuple[Any, None]:
            action = _NOISE * jax.random.normal(key, (num_envs, env.action_size))
            return wrapped.step(state, action), None

        rng, key = jax.random.split(rng)
        return rng, jax.lax.scan(body, state, jax.random.split(key, CHUNK))[0]

    return program, start


def _loop(program: Program, state: Any, num_envs: int, stopwatch: Stopwatch) -> None:
    """Run a program on its own output until the stopwatch has enough."""
    rng, run = jax.random.PRNGKey(0), jax.jit(program)
    while True:
        rng, state = jax.block_until_ready(run(rng, state))
        stopwatch.done(CHUNK * num_envs)


def measure_physics(env: WildRobotEnv, start: Episode) -> Row:
    """Time an engine in this process; see `physics`."""
    key = ("physics", *engine_and_impl(env), start.action.shape[0])
    return _row(key, partial(physics, env, start))


def measure_environment(env: WildRobotEnv, num_envs: int) -> Row:
    """Time the environment in this process; see `environment`."""
    key = ("env", *engine_and_impl(env), num_envs)
    return _row(key, partial(environment, env, num_envs))


def engine_and_impl(env: WildRobotEnv) -> tuple[str, str | None]:
    """Name an environment's engine, and what is behind MJX."""
    return env.backend, resolve_impl(env.config) if env.backend == "mjx" else None


def _row(key: Key, program: Callable[[Stopwatch], None]) -> Row:
    compile_s, speeds = turns(program, REPEATS)
    return Row.of(key, speeds, compile_s, peak_memory_mb())
