"""The configuration, as frozen typed models: what can be set, its type, its unit, its range.

The string under a field is its documentation. Numbers with a unit live in YAML; only fields
that every configuration shares have a default here.
"""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from wildrobot_cli.config.base import Count, Model, Positive, Unit
from wildrobot_cli.config.environment import EnvConfig
from wildrobot_cli.config.learning import AmpConfig, PPOConfig


class CheckpointConfig(Model):
    """When a run is saved, and how much of it is kept."""

    every_seconds: Positive
    """Time between two checkpoints [s]."""
    every_iterations: Count | None = None
    """Iterations between two checkpoints, if that is sooner."""
    keep: Count
    """How many of the newest are kept, beside the best."""
    rollouts: Annotated[int, Field(ge=0)]
    """Rollouts that score each checkpoint, to tell which is the best; 0 is no score."""
    rollout_length: Positive
    """Length of each of them [s]."""


class EvalConfig(Model):
    """The evaluation at the end of training, and of `wildrobot eval` unless told otherwise."""

    episodes: Count
    """Rollouts of one full episode each."""
    min_success_rate: Unit
    """Gate: the share of rollouts that must last the whole episode."""


class Config(Model):
    """A whole configuration file."""

    seed: Annotated[int, Field(ge=0, lt=2**31)]
    """Seed of everything random."""
    env: EnvConfig
    """The environment."""
    ppo: PPOConfig
    """The learner."""
    amp: AmpConfig | None = None
    """Style from reference motion, if it is to be learned."""
    checkpoints: CheckpointConfig
    """Saving."""
    eval: EvalConfig
    """Measuring."""

    @model_validator(mode="after")
    def _style_has_reference(self) -> Self:
        if self.amp is not None and self.env.reference is None:
            raise ValueError("amp: needs reference motion: set env.reference")
        return self

    @model_validator(mode="after")
    def _rollouts_have_a_step(self) -> Self:
        shortest = self.env.control_period
        lengths = {
            "ppo.episode_length": self.ppo.episode_length,
            "checkpoints.rollout_length": self.checkpoints.rollout_length,
        }
        for name, got in lengths.items():
            if got < shortest:
                raise ValueError(
                    f"{name}: expected at least env.control_period, {shortest}, got {got}"
                )
        return self

    @classmethod
    def from_file(cls, name_or_path: str | Path, overrides: tuple[str, ...] = ()) -> "Config":
        """Load a configuration from a path, or by name among the packaged ones.

        Args:
            name_or_path: a YAML file, or the name of a packaged one, `.yaml` optional.
            overrides: assignments such as `ppo.steps=100000`, applied in order.

        Raises:
            ConfigError: naming the file, the key path, what was expected and what was found.
        """
        from wildrobot_cli.config.loader import load

        return load(cls, name_or_path, overrides)
