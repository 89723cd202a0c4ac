"""A short evaluation, now and then in training, that tells the best checkpoint from the others."""

from typing import Any

import jax
import jax.numpy as jnp
from brax.envs.base import State
from brax.training.agents.ppo.networks import PPONetworks

from wildrobot_cli.config.schema import CheckpointConfig
from wildrobot_cli.env.environment import WildRobotEnv
from wildrobot_cli.training.checkpoint_list import Score
from wildrobot_cli.training.policy import deterministic

_KEY = 2**30
"""Folded into the seed: an evaluation splits that, and what chose a policy must not measure it."""


class Judge:
    """Scores policies on the same few rollouts, so that their scores compare."""

    def __init__(
        self, env: WildRobotEnv, networks: PPONetworks, settings: CheckpointConfig, seed: int
    ) -> None:
        """Prepare rollouts from one seed; nothing is compiled before the first score."""
        self._env = env
        self._networks = networks
        key = jax.random.fold_in(jax.random.PRNGKey(seed), _KEY)
        self._keys = jax.random.split(key, settings.rollouts)
        self._steps = round(settings.rollout_length / env.dt)
        self._roll = jax.jit(self._rollouts)

    def score(self, policy: Any) -> Score:
        """Roll out a policy's most likely actions from the same starts as ever."""
        success_rate, velocity_error = jax.device_get(self._roll(policy))
        return Score(float(success_rate), float(velocity_error))

    def _rollouts(self, policy: Any) -> tuple[jax.Array, jax.Array]:
        """Share of rollouts that never fail, and velocity error until they do. Shapes ()."""
        act = deterministic(self._networks, policy)

        def step(carry: tuple[State, jax.Array], _: None) -> tuple[Any, tuple[jax.Array, ...]]:
            state, alive = carry
            state = jax.vmap(self._env.step)(state, act(state.obs))
            alive = alive & (state.done == 0)
            return (state, alive), (alive, state.metrics["velocity_error"])

        start = jax.vmap(self._env.reset)(self._keys), jnp.ones(len(self._keys), bool)
        (_, alive), (running, errors) = jax.lax.scan(step, start, None, length=self._steps)
        samples = jnp.maximum(jnp.sum(running), 1)
        return jnp.mean(alive), jnp.sum(jnp.where(running, errors, 0.0)) / samples
