"""The learner is Brax PPO in fact: same seed, environment and settings, same parameters."""

import jax
import numpy as np
import pytest

from wildrobot_cli import Config, WildRobotEnv, wrap_for_training
from wildrobot_cli.bench.learning import brax_arguments
from wildrobot_cli.training.learner import Learner
from wildrobot_cli.training.networks import network_factory
from wildrobot_cli.training.symmetry import symmetry_of

ITERATIONS = 3
BATCH = {"num_envs": 16, "unroll_length": 5, "num_minibatches": 4}
TOLERANCE = 1e-6
"""Largest difference of a parameter after 24 gradient steps; 0 was seen."""

pytestmark = pytest.mark.skipif(
    jax.__version_info__ >= (0, 10), reason="Brax's own trainer needs JAX below 0.10"
)


def small_config(*overrides: str) -> Config:
    batch = [f"ppo.mujoco.{key}={value}" for key, value in BATCH.items()]
    nets = ["ppo.mujoco.policy_hidden=[16, 16]", "ppo.mujoco.value_hidden=[16]"]
    rate = "ppo.final_learning_rate=1e-3"
    return Config.from_file("ppo.yaml", (*batch, *nets, "ppo.learning_rate=1e-3", rate, *overrides))


def learn(config: Config, env: WildRobotEnv):
    """Parameters after `ITERATIONS` iterations of ours."""
    wrapped = wrap_for_training(env, brax_arguments(config, env.backend)["episode_length"])
    learner = Learner(wrapped, config.ppo, config.ppo.mujoco, ITERATIONS)
    state = learner.init(jax.random.PRNGKey(config.seed))
    for _ in range(ITERATIONS):
        state, *_ = learner.iterate(state)
    return state.normalizer, state.params.policy, state.params.value


def brax_learns(config: Config, env: WildRobotEnv):
    """Parameters after as many of Brax's."""
    from brax.training.agents.ppo.train import train

    batch = config.ppo.mujoco
    _, params, _ = train(
        env,
        **brax_arguments(config, env.backend)
        | {"network_factory": network_factory(batch, symmetry_of(env))},
        num_timesteps=ITERATIONS * batch.num_envs * batch.unroll_length,
        wrap_env_fn=wrap_for_training,
        num_evals=0,
        run_evals=False,
    )
    return params


def largest_difference(ours, theirs) -> float:
    pairs = zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True)
    return max(float(np.max(np.abs(np.asarray(a) - np.asarray(b)))) for a, b in pairs)


@pytest.fixture(scope="module")
def env() -> WildRobotEnv:
    return WildRobotEnv(small_config().env)


@pytest.fixture(scope="module")
def brax_parameters(env):
    return brax_learns(small_config(), env)


@pytest.mark.long
def test_parameters_equal_those_of_unmodified_brax_ppo(env, brax_parameters):
    normalizer, *networks = learn(small_config(), env)
    brax_normalizer, *brax_networks = brax_parameters
    assert largest_difference(networks, brax_networks) < TOLERANCE
    assert largest_difference(normalizer.mean, brax_normalizer.mean) < TOLERANCE
    assert largest_difference(normalizer.std, brax_normalizer.std) < TOLERANCE


@pytest.mark.long
@pytest.mark.parametrize("fault", ["ppo.gae_lambda=0.94"])
def test_a_planted_difference_exceeds_the_tolerance(env, brax_parameters, fault):
    _, *networks = learn(small_config(fault), env)
    assert largest_difference(networks, brax_parameters[1:]) > 10 * TOLERANCE
