"""Policy and value networks: Brax's, shaped by the configuration."""

from collections.abc import Callable
from typing import Any

from brax.training.acme import running_statistics
from brax.training.agents.ppo import networks as ppo_networks

from wildrobot_cli.config.learning import BatchConfig, PPOConfig
from wildrobot_cli.env.environment import POLICY_KEY, VALUE_KEY

ObservationSize = dict[str, tuple[int, ...]]


def make_networks(
    observation_size: ObservationSize, action_size: int, ppo: PPOConfig, batch: BatchConfig
) -> ppo_networks.PPONetworks:
    """Build both networks; observations are normalised inside when the configuration says so."""
    return network_factory(ppo, batch)(
        observation_size,
        action_size,
        preprocess_observations_fn=(
            running_statistics.normalize if ppo.normalize_observations else _unchanged
        ),
    )


def network_factory(ppo: PPOConfig, batch: BatchConfig) -> Callable[..., ppo_networks.PPONetworks]:
    """Return what Brax calls a network factory, so that its own trainer builds the same ones."""

    def build(
        observation_size: ObservationSize, action_size: int, **options: Any
    ) -> ppo_networks.PPONetworks:
        return ppo_networks.make_ppo_networks(
            observation_size,
            action_size,
            policy_hidden_layer_sizes=batch.policy_hidden,
            value_hidden_layer_sizes=batch.value_hidden,
            policy_obs_key=POLICY_KEY,
            value_obs_key=VALUE_KEY,
            **options,
        )

    return build


def _unchanged(observation: Any, _statistics: Any) -> Any:
    return observation
