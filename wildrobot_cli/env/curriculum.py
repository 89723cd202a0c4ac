"""Commands and disturbances that grow with success: a wrapper for training."""

from typing import Any

import jax
import jax.numpy as jnp
from brax.envs.base import Env, State, Wrapper
from flax import struct

from wildrobot_cli.config.disturbances import CurriculumConfig

_INFO = "curriculum"


@struct.dataclass
class Progress:
    """How far it has come, and how the present window goes. Shapes ()."""

    share: jax.Array
    """Share of the commands' ranges and of the disturbances in use."""
    error: jax.Array
    """Sum over the window's control steps of the mean velocity error [m/s]."""
    falls: jax.Array
    """Sum over the window's control steps of the share of robots that fell."""
    steps: jax.Array
    """Control steps in the window so far."""


class CurriculumWrapper(Wrapper):
    """Asks more of a batch of environments when it does well.

    Its state travels in `state.info`, so that it is saved and restored with the state. Commands
    widen while an episode runs; its disturbances are for good those of when it was drawn: what
    draws it asks `share_of`.
    """

    def __init__(self, env: Env, config: CurriculumConfig, dt: float) -> None:
        """Wrap an environment whose episodes have a `command_share`; dt is its period [s]."""
        super().__init__(env)
        self._config = config
        self._dt = dt

    def reset(self, rng: jax.Array) -> State:
        """Reset a batch, with the least of everything; a key for each. Shape (num_envs, 2)."""
        state = self.env.reset(rng)
        zero = jnp.zeros((), state.reward.dtype)
        progress = Progress(zero + self._config.start, zero, zero, zero)
        eased = jax.vmap(self.unwrapped.reset, (0, None))(rng, progress.share)
        info = {**state.info, _INFO: progress}
        return state.replace(pipeline_state=eased.pipeline_state, obs=eased.obs, info=info)

    def step(self, state: State, action: jax.Array) -> State:
        """Step a batch under commands as wide as they are now, and judge it."""
        info = dict(state.info)
        progress: Progress = info.pop(_INFO)
        episodes = state.pipeline_state
        share = jnp.broadcast_to(progress.share, episodes.command_share.shape)
        episodes = episodes.replace(command_share=share)
        state = self.env.step(state.replace(pipeline_state=episodes, info=info), action)
        return state.replace(info={**state.info, _INFO: self._judged(progress, state.metrics)})

    def _judged(self, progress: Progress, metrics: dict[str, jax.Array]) -> Progress:
        """Add a control step to the window; at its end, widen the commands or do not."""
        config = self._config
        error = progress.error + metrics["velocity_error"].mean()
        falls, steps = progress.falls + metrics["fall"].mean(), progress.steps + 1
        tracked = error / steps < config.velocity_error
        stood = falls / (steps * self._dt) <= config.falls
        ended = steps >= round(config.window / self._dt)
        wider = jnp.minimum(progress.share + config.widening, 1.0)
        return Progress(
            share=jnp.where(ended & tracked & stood, wider, progress.share),
            error=jnp.where(ended, 0.0, error),
            falls=jnp.where(ended, 0.0, falls),
            steps=jnp.where(ended, 0.0, steps),
        )


def share_of(info: dict[str, Any]) -> jax.Array | None:
    """How far it has grown; None where there is no curriculum. Shape ()."""
    return info[_INFO].share if _INFO in info else None


def curriculum_metrics(state: State, dt: float) -> dict[str, jax.Array]:
    """What a log should say of it; nothing where there is no curriculum.

    Velocity error [m/s] and falls [1/s] are what it judges by, in the present window so far, and
    NaN where that has just begun. Every control step counts, those of falling robots too.

    Args:
        state: of a batch.
        dt: control period [s].
    """
    if _INFO not in state.info:
        return {}
    progress: Progress = state.info[_INFO]
    return {
        "curriculum/share": progress.share,
        "curriculum/velocity_error": progress.error / progress.steps,
        "curriculum/falls": progress.falls / (progress.steps * dt),
    }
