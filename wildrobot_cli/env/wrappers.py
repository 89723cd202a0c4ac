"""Batching, episode ends and cheap resets for training, around Brax's own wrappers."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from brax.envs.base import Env, State, Wrapper
from brax.envs.wrappers.training import EpisodeWrapper, VmapWrapper

from wildrobot_cli.env.curriculum import CurriculumWrapper, share_of
from wildrobot_cli.env.environment import WildRobotEnv

PARTS = 8
"""Parts of the bank; one at a time is made anew."""
REFRESH_EVERY = 10
"""Control steps between two refreshes."""
_LEAST = 8
"""Start states in a part, at least."""
_SERVED = 64
"""Environments for each start state of a part: those that restart meanwhile are about as many."""

_BANK = "bank"
_BANK_KEY = 2**31 - 1
"""Folded into a key; small numbers are what `jax.random.split` folds in for the environment."""


class BankResetWrapper(Wrapper):
    """Restart finished episodes from a bank of start states that is kept fresh.

    A full reset for every environment at every step is waste; Brax's own wrapper restarts an
    environment from its one first state forever. Here each restart draws from prepared states
    (`bank_size`: an eighth as many as there are environments, 64 at least), of which a part is made
    anew every `REFRESH_EVERY` steps. The bank travels in `state.info`, so that it is saved and
    restored with the state.
    """

    def reset(self, rng: jax.Array) -> State:
        """Reset a batch; `rng` has one key for each environment. Shape (num_envs, 2).

        Ages start anywhere in an episode: else all timeouts would fall on the same step.
        """
        state = self.env.reset(rng)
        key_bank, key_age = jax.random.split(jax.random.fold_in(rng[0], _BANK_KEY))
        ages = jax.random.randint(key_age, state.done.shape, 0, self.env.episode_length)
        num_envs = rng.shape[0]
        rows = jnp.arange(PARTS * max(_LEAST, num_envs // _SERVED)) % num_envs
        bank = {
            "starts": jax.tree.map(lambda leaf: leaf[rows], _start(state)),
            "rng": key_bank,
            "tick": jnp.zeros((), jnp.int32),
        }
        info = {**state.info, "steps": ages.astype(state.done.dtype), _BANK: bank}
        return state.replace(info=info)

    def step(self, state: State, action: jax.Array) -> State:
        """Step a batch, and restart the episodes that ended."""
        info = dict(state.info)
        bank = self._refreshed(info.pop(_BANK), share_of(info))
        info["steps"] = jnp.where(state.done, 0.0, info["steps"])
        state = state.replace(done=jnp.zeros_like(state.done), info=info)
        state = self.env.step(state, action)
        key, key_choice = jax.random.split(bank["rng"])
        choice = jax.random.randint(key_choice, state.done.shape, 0, bank_size(bank))
        fresh = jax.tree.map(lambda leaf: leaf[choice], bank["starts"])
        episode, obs = jax.tree.map(
            lambda new, old: _where(state.done, new, old), fresh, _start(state)
        )
        bank = {**bank, "rng": key, "tick": bank["tick"] + 1}
        return state.replace(pipeline_state=episode, obs=obs, info={**state.info, _BANK: bank})

    def _refreshed(self, bank: dict[str, Any], share: jax.Array | None) -> dict[str, Any]:
        """Replace the oldest start states when it is time to."""
        due = bank["tick"] % REFRESH_EVERY == REFRESH_EVERY - 1
        return jax.lax.cond(due, partial(self._refresh, share=share), lambda same: same, bank)

    def _refresh(self, bank: dict[str, Any], share: jax.Array | None) -> dict[str, Any]:
        key, key_reset = jax.random.split(bank["rng"])
        size = bank_size(bank)
        keys = jax.random.split(key_reset, size // PARTS)
        if share is None:
            fresh = _start(self.env.reset(keys))
        else:
            fresh = _start(jax.vmap(self.unwrapped.reset, (0, None))(keys, share))
        first = (bank["tick"] // REFRESH_EVERY * (size // PARTS)) % size
        starts = jax.tree.map(
            lambda all_, new: jax.lax.dynamic_update_slice_in_dim(all_, new, first, axis=0),
            bank["starts"],
            fresh,
        )
        return {**bank, "starts": starts, "rng": key}


def bank_size(bank: dict[str, Any]) -> int:
    """How many start states are prepared."""
    return int(jax.tree.leaves(bank["starts"])[0].shape[0])


def wrap_for_training(
    env: Env,
    episode_length: int,
    action_repeat: int = 1,
    randomization_fn: Callable[..., Any] | None = None,
) -> Wrapper:
    """Batch an environment, cut off long episodes, restart ended ones from a bank.

    Where it has a curriculum, commands and disturbances grow by it.

    The signature is that of `brax.envs.training.wrap`, so that Brax's trainers take this
    function as their `wrap_env_fn`.
    """
    if randomization_fn is not None:
        raise ValueError("the environment draws its own model parameters; see env.randomization")
    wrapped = EpisodeWrapper(VmapWrapper(env), episode_length, action_repeat)
    curriculum = env.config.curriculum if isinstance(env, WildRobotEnv) else None
    if curriculum:
        wrapped = CurriculumWrapper(wrapped, curriculum, env.dt)
    return BankResetWrapper(wrapped)


def _start(state: State) -> tuple[Any, Any]:
    """The part of a state that a restart replaces."""
    return state.pipeline_state, state.obs


def _where(done: jax.Array, new: jax.Array, old: jax.Array) -> jax.Array:
    return jnp.where(done.reshape(done.shape + (1,) * (old.ndim - 1)).astype(bool), new, old)
