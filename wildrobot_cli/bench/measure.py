"""How many control steps a second physics and the environment take, compile time apart."""

import resource
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import jax
import jax.numpy as jnp

from wildrobot_cli.env.environment import Episode, WildRobotEnv
from wildrobot_cli.env.wrappers import wrap_for_training
from wildrobot_cli.physics.factory import resolve_impl

What = Literal["physics", "env"]

CHUNK = 20
"""Control steps in one call of a compiled program."""
REPEATS = 5
"""Timed calls; the median counts."""
_NOISE = 0.3
"""Standard deviation of random actions: the robot sways and steps, and keeps its contacts."""


@dataclass(frozen=True)
class Row:
    """One measured speed, in control steps a second over all environments."""

    what: What
    """What was stepped."""
    engine: str
    """On which engine."""
    impl: str | None
    """The implementation behind MJX."""
    num_envs: int
    """Environments stepped together."""
    env_steps_per_s: float
    """The median."""
    min: float
    """The slowest repeat."""
    median: float
    """The median."""
    max: float
    """The fastest repeat."""
    compile_s: float
    """Time to trace and compile the program, shorter where JAX's cache is warm [s]."""
    peak_memory_mb: float
    """Most memory so far: of the GPU where there is one, else of this process [MB]."""


def measure_physics(env: WildRobotEnv, start: Episode) -> Row:
    """Time an engine alone, from standing, with targets that move around the home pose.

    Args:
        env: its engine is measured.
        start: episodes at their start, made by any engine. Leaves (num_envs, ...).
    """
    step, shape = jax.vmap(env.engine.step), start.action.shape

    def program(rng: jax.Array, physics: Any) -> tuple[jax.Array, Any]:
        def body(physics: Any, key: jax.Array) -> tuple[Any, None]:
            action = _NOISE * jax.random.normal(key, shape)
            wrench = jnp.zeros((shape[0], 6), action.dtype)
            return step(start.params, physics, env.targets(action), wrench), None

        rng, key = jax.random.split(rng)
        return rng, jax.lax.scan(body, physics, jax.random.split(key, CHUNK))[0]

    return _time("physics", env, shape[0], program, start.physics)


def measure_environment(env: WildRobotEnv, num_envs: int) -> Row:
    """Time the environment as training steps it: restarts, rewards and observations included."""
    wrapped = wrap_for_training(env, env.config.episode_steps)
    start = jax.jit(wrapped.reset)(jax.random.split(jax.random.PRNGKey(0), num_envs))

    def program(rng: jax.Array, state: Any) -> tuple[jax.Array, Any]:
        def body(state: Any, key: jax.Array) -> tuple[Any, None]:
            action = _NOISE * jax.random.normal(key, (num_envs, env.action_size))
            return wrapped.step(state, action), None

        rng, key = jax.random.split(rng)
        return rng, jax.lax.scan(body, state, jax.random.split(key, CHUNK))[0]

    return _time("env", env, num_envs, program, start)


def _time(
    what: What,
    env: WildRobotEnv,
    num_envs: int,
    program: Callable[[jax.Array, Any], tuple[jax.Array, Any]],
    state: Any,
) -> Row:
    """Time a program of `CHUNK` control steps on its own output, after a warm-up."""
    begin = time.perf_counter()
    rng = jax.random.PRNGKey(0)
    run = jax.jit(program).lower(rng, state).compile()
    compile_s = time.perf_counter() - begin
    rng, state = jax.block_until_ready(run(*run(rng, state)))
    speeds = []
    for _ in range(REPEATS):
        begin = time.perf_counter()
        rng, state = jax.block_until_ready(run(rng, state))
        speeds.append(CHUNK * num_envs / (time.perf_counter() - begin))
    middle = statistics.median(speeds)
    spread = min(speeds), middle, max(speeds)
    impl = resolve_impl(env.config) if env.engine.name == "mjx" else None
    return Row(what, env.engine.name, impl, num_envs, middle, *spread, compile_s, _peak_memory())


def _peak_memory() -> float:
    """Most memory in use so far [MB]."""
    stats = jax.local_devices()[0].memory_stats() or {}
    if "peak_bytes_in_use" in stats:
        return stats["peak_bytes_in_use"] / 2**20
    unit = 1 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
