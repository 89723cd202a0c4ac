"""The walking environment with a reference motion beside it: starts in clips, shows its style."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from brax.envs.base import State
from flax import struct

from wildrobot_cli.config.environment import EnvConfig
from wildrobot_cli.env.environment import Episode, WildRobotEnv
from wildrobot_cli.env.ground import height_at
from wildrobot_cli.env.reference import FEATURES, MOVING, PHASE, SPEED, Reference, Start
from wildrobot_cli.physics.protocol import Engine
from wildrobot_cli.robot import Robot
from wildrobot_cli.runtime.observing.rotations import yaw

_START_KEY = 2**30 + 2
"""Folded into a reset's key: neither what `jax.random.split` folds in, nor what the base does."""


@struct.dataclass(kw_only=True)
class StyledEpisode(Episode):
    """An episode that remembers the frames that its style is read from."""

    history: jax.Array
    """The last frames, this one at the end. Shape (window, d)."""


class ImitationEnv(WildRobotEnv):
    """Walk as commanded, beside a library of reference motion.

    Most episodes start inside a clip, with its command and phase, and with the clip as history:
    what compares styles could else tell policy from reference by the resets. `state.info` holds the
    style window's features, whether style matters, and the speed and phase that it was shown at.
    """

    def __init__(
        self, config: EnvConfig, engine: Engine | None = None, robot: Robot | None = None
    ) -> None:
        """Build it; `config.reference` must be there. See `WildRobotEnv`."""
        assert config.reference is not None
        super().__init__(config, engine, robot)
        self.reference = Reference(self.robot, config.reference, config.control_period)
        self._starts_in_clip = config.reference.resets

    def reset(self, rng: jax.Array, share: jax.Array | None = None) -> State:
        """Start an episode inside a clip, or standing; see `WildRobotEnv.reset`."""
        state = super().reset(rng, share)
        keys = jax.random.split(jax.random.fold_in(rng, _START_KEY), 4)
        standing = self._standing(state.pipeline_state)
        in_clip = self._in_clip(state.pipeline_state, self.reference.draw(keys[0]))
        chosen = jax.random.bernoulli(keys[1], self._starts_in_clip)
        episode = jax.tree.map(lambda a, b: jnp.where(chosen, a, b), in_clip, standing)
        obs = self.observe(
            episode, self._first_reading(episode.disturbance, episode.physics), None, keys[2]
        )
        return state.replace(pipeline_state=episode, obs=obs, info=self._shown(state, episode))

    def step(self, state: State, action: jax.Array) -> State:
        """Advance one control period; see `WildRobotEnv.step`."""
        after = super().step(state, action)
        return after.replace(info=self._shown(after, after.pipeline_state))

    def act(self, episode: Any, action: jax.Array) -> Any:
        """Step physics with an action, and remember the frame."""
        after: Any = super().act(episode, action)
        return after.replace(history=self.reference.after(episode.history, self._frame(after)))

    def _frame(self, episode: Episode) -> jax.Array:
        """What style is read from; heights are above the ground below, as the clips' are."""
        style = self.reference.style
        frame = style.frame(episode.physics.qpos, jnp)
        if episode.ground is None:
            return frame
        return style.above(frame, partial(height_at, episode.ground), jnp)

    def _standing(self, episode: Episode) -> StyledEpisode:
        return StyledEpisode(**vars(episode), history=self.reference.still(self._frame(episode)))

    def _in_clip(self, episode: Episode, start: Start) -> StyledEpisode:
        """The episode, with everything that a clip says put in place of its own."""
        dtype, robot = episode.phase.dtype, self.robot
        start = jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), start)
        angles = start.qpos[robot.qpos_ids]
        action = jnp.clip((angles - robot.home_ctrl) / self.config.action_scale, -1.0, 1.0)
        targets = self.targets(action)
        physics = self._begin(episode.params, episode.ground, start.qpos, start.qvel, targets)
        disturbance = self._disturbances.restarted(episode.disturbance, angles, targets)
        fields = vars(episode) | {
            "physics": physics,
            "schedule": episode.schedule.at[0].set(start.command),
            "command": start.command,
            "heading_target": yaw(start.qpos[robot.root_qpos][3:], jnp),
            "phase": start.phase,
            "action": action,
            "last_action": action,
            "encoders": self._first_reading(disturbance, physics),
            "disturbance": disturbance,
        }
        return StyledEpisode(**fields, history=start.history)

    def _shown(self, state: State, episode: StyledEpisode) -> dict[str, Any]:
        features = self.reference.style.features(episode.history, jnp)
        moving = (jnp.abs(episode.command).sum() > 0).astype(features.dtype)
        speed = jnp.linalg.norm(episode.physics.qvel[self.robot.root_qvel][:2])
        told = {FEATURES: features, MOVING: moving, SPEED: speed, PHASE: episode.phase}
        return {**state.info, **told}


def training_env(config: EnvConfig) -> WildRobotEnv:
    """Build the environment to train in: with its reference motion, where there is one.

    Raises:
        ConfigError: a term, its parameters, the robot or the library do not fit.
        EnvironmentUnavailable: the engine does not run here.
    """
    return WildRobotEnv(config) if config.reference is None else ImitationEnv(config)
