"""Velocity commands: drawn once an episode, held for a while each."""

import math

import jax
import jax.numpy as jnp

from wildrobot_cli.config.environment import CommandConfig


def draw_schedule(rng: jax.Array, config: CommandConfig, episode_length: float) -> jax.Array:
    """Draw an episode's commands, one for each `hold` seconds [m/s, m/s, rad/s]. Shape (k, 3)."""
    count = math.ceil(episode_length / config.hold)
    key_value, key_zero = jax.random.split(rng)
    limits = jnp.asarray([config.forward, config.lateral, config.yaw_rate], jnp.result_type(float))
    unit = jax.random.uniform(key_value, (count, 3), dtype=limits.dtype)
    values = limits[:, 0] + unit * (limits[:, 1] - limits[:, 0])
    stand = jax.random.bernoulli(key_zero, config.zero_probability, (count, 1))
    return jnp.where(stand, 0.0, values)


def command_at(
    schedule: jax.Array, time: jax.Array, hold: float, dt: float, ramp: float = 0.0
) -> jax.Array:
    """The command in force at `time` seconds into the episode, a multiple of `dt`. Shape (3,).

    For `ramp` seconds after a draw the command slides from the one before.
    """
    # Counting control steps undoes the rounding that a sum of float32 time steps collects.
    steps = jnp.round(time / dt)
    index = jnp.floor((steps + 0.01) * (dt / hold)).astype(jnp.int32)
    index = jnp.minimum(index, schedule.shape[0] - 1)
    if ramp == 0:
        return schedule[index]
    share = jnp.clip((steps * dt - index * hold) / ramp, 0.0, 1.0).astype(schedule.dtype)
    before = schedule[jnp.maximum(index - 1, 0)]
    return before + share * (schedule[index] - before)


def narrowed(schedule: jax.Array, config: CommandConfig, share: jax.Array) -> jax.Array:
    """Commands moved towards the middle of their ranges; standing stays standing. Shape (k, 3).

    Args:
        schedule: drawn from the whole ranges [m/s, m/s, rad/s]. Shape (k, 3).
        config: the ranges.
        share: of the ranges to use, in 0..1. Shape ().
    """
    limits = jnp.asarray([config.forward, config.lateral, config.yaw_rate], schedule.dtype)
    middle = limits.mean(axis=1)
    moving = schedule.any(axis=1, keepdims=True)
    return jnp.where(moving, middle + share * (schedule - middle), schedule)
