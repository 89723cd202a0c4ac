"""What is logged of an iteration, computed on the devices with it."""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from brax.envs.base import State
from brax.training import types
from brax.training.acme import running_statistics

Metrics = dict[str, jax.Array]


def rollout_metrics(env_state: State, data: types.Transition) -> Metrics:
    """Means over the present episodes so far, for each control step; and how episodes end.

    `episode/length` [control steps] is the age at which episodes ended, NaN when none did. It is
    too long at first: the first episodes begin at a random age (`BankResetWrapper`).
    """
    sums = env_state.info["episode_metrics"]
    length = jnp.maximum(jnp.sum(sums["length"]), 1.0)
    means = {
        name: jnp.sum(total) / length
        for name, total in sums.items()
        if name not in ("length", "sum_reward")
    }
    ended = 1.0 - data.discount
    truncated = data.extras["state_extras"]["truncation"]
    return means | {
        "episode/reward": jnp.mean(data.reward),
        "episode/falls_per_step": jnp.mean(ended - truncated),
        "physics/faults": jnp.sum(data.extras["state_extras"]["flight"].fault),
        "episode/length": jnp.sum(ended * data.extras["state_extras"]["steps"]) / jnp.sum(ended),
    }


def health(params: Any, normalizer: running_statistics.RunningStatisticsState) -> Metrics:
    """Figures that are not finite when anything that a checkpoint would hold is not.

    A gradient that is not finite makes Adam's moments and with them the parameters so.
    """
    leaves = jax.tree.leaves((normalizer.mean, normalizer.std))
    return {
        "loss/parameter_norm": optax.tree.norm(params),
        "observation/largest": jnp.max(jnp.stack([jnp.max(jnp.abs(leaf)) for leaf in leaves])),
    }
