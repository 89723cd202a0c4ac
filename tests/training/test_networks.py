"""Brax's networks, whatever the axes of a batch."""

import jax
import numpy as np
import pytest
from brax.training.acme import running_statistics, specs

from wildrobot_cli.env.environment import POLICY_KEY, VALUE_KEY
from wildrobot_cli.training.networks import brax_factory, network_factory

SIZES = {POLICY_KEY: (7,), VALUE_KEY: (9,)}
ROUNDING = 1e-5
"""Relative: sums over a batch are taken in another order."""


@pytest.fixture(scope="module")
def networks(config):
    batch = config.ppo.mujoco
    return brax_factory(batch)(SIZES, 3), network_factory(batch)(SIZES, 3)


@pytest.fixture(scope="module")
def normalizer():
    shapes = {key: specs.Array(size, np.dtype("float32")) for key, size in SIZES.items()}
    return running_statistics.init_state(shapes)


def observations(*axes: int) -> dict:
    draw = np.random.default_rng(0).standard_normal
    return {key: draw((*axes, *size)).astype(np.float32) for key, size in SIZES.items()}


@pytest.mark.parametrize("axes", [(), (5,), (4, 5), (2, 3, 4)])
@pytest.mark.parametrize("which", ["policy_network", "value_network"])
def test_outputs_are_those_of_brax(networks, normalizer, which, axes):
    brax, ours = (getattr(made, which) for made in networks)
    params, seen = brax.init(jax.random.PRNGKey(0)), observations(*axes)
    expected, found = brax.apply(normalizer, params, seen), ours.apply(normalizer, params, seen)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=ROUNDING, atol=ROUNDING)


@pytest.mark.parametrize("which", ["policy_network", "value_network"])
def test_gradients_are_those_of_brax(networks, normalizer, which):
    brax, ours = (getattr(made, which) for made in networks)
    params, seen = brax.init(jax.random.PRNGKey(0)), observations(4, 5)

    def gradient(network):
        return jax.grad(lambda p: (network.apply(normalizer, p, seen) ** 2).mean())(params)

    pairs = zip(*map(jax.tree.leaves, (gradient(ours), gradient(brax))), strict=True)
    for found, expected in pairs:
        np.testing.assert_allclose(found, expected, rtol=ROUNDING, atol=ROUNDING)
