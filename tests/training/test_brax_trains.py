"""Brax's own trainer, unmodified, trains on our environment, on both engines."""

import jax
import numpy as np
import pytest

from wildrobot_cli import Config, WildRobotEnv
from wildrobot_cli.bench.learning import brax_arguments

SHAPES = {"num_envs": 8, "unroll_length": 5, "num_minibatches": 2}
NETS = {"policy_hidden": "[8]", "value_hidden": "[8]"}
SHORT = ("ppo.episode_length=0.2", "ppo.epochs=2")
ITERATIONS = 3

pytestmark = pytest.mark.skipif(
    jax.__version_info__ >= (0, 10), reason="Brax's own trainer needs JAX below 0.10"
)


@pytest.mark.long
@pytest.mark.parametrize("engine", ["mujoco", pytest.param("mjx", marks=pytest.mark.slow)])
def test_brax_trains_with_its_own_wrappers(engine):
    from brax.training.agents.ppo.train import train

    settings = [f"ppo.{engine}.{key}={value}" for key, value in (SHAPES | NETS).items()]
    config = Config.from_file("ppo.yaml", (f"env.engine={engine}", *settings, *SHORT))
    env, batch = WildRobotEnv(config.env), getattr(config.ppo, engine)
    total, reports = ITERATIONS * batch.num_envs * batch.unroll_length, []
    make_policy, params, metrics = train(
        env,
        num_timesteps=total,
        **brax_arguments(config, env.backend),
        num_evals=2,
        num_eval_envs=4,
        progress_fn=lambda steps, seen: reports.append((steps, seen)),
    )
    normalizer, *_ = params
    assert [steps for steps, _ in reports] == [0, total]
    assert np.isfinite(metrics["eval/episode_reward"])
    sizes = {key: shape[0] for key, shape in env.observation_size.items()}
    assert normalizer.mean["state"].shape == (sizes["state"],)
    assert normalizer.mean["privileged_state"].shape == (sizes["privileged_state"],)
    observation = {key: np.zeros(size, np.float32) for key, size in sizes.items()}
    action, _ = make_policy(params, deterministic=True)(observation, jax.random.PRNGKey(0))
    assert action.shape == (env.action_size,)
    assert np.isfinite(action).all()
