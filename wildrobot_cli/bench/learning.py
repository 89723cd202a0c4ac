"""Training as `wildrobot train` does it, and as Brax's own trainer does it on our environment."""

import math
import tempfile
from pathlib import Path
from typing import Any

import jax

from wildrobot_cli.bench.stopwatch import Stopwatch
from wildrobot_cli.config.schema import Config
from wildrobot_cli.env.environment import WildRobotEnv
from wildrobot_cli.physics.factory import resolve_engine
from wildrobot_cli.training.networks import brax_factory
from wildrobot_cli.training.policy import batch_config
from wildrobot_cli.training.progress import Progress
from wildrobot_cli.training.trainer import train

BRAX_ITERATIONS = 4
"""Training iterations between two reports of Brax's trainer."""
BRAX_WARM_UP = 2
"""Reports of Brax's trainer that hold compiling: it compiles in the first, and again after it."""
_ENDLESS = 10_000
"""Iterations that a training under measurement is told to take; it is ended before."""


def brax_runs_here() -> bool:
    """Whether Brax's own trainer works with the installed JAX."""
    return jax.__version_info__ < (0, 10)


def ours(config: Config, stopwatch: Stopwatch) -> None:
    """Train by the trainer itself: learning, metrics and their log included.

    Checkpoints are left out: they are made every so many seconds, whatever the speed.
    """
    batch = batch_config(config, resolve_engine(config.env.engine))
    steps = batch.num_envs * batch.unroll_length
    saving = config.checkpoints.model_copy(
        update={"every_seconds": math.inf, "every_iterations": None, "rollouts": 0}
    )
    endless = config.ppo.model_copy(update={"steps": _ENDLESS * steps})
    config = config.model_copy(update={"checkpoints": saving, "ppo": endless})

    def on_progress(_: Progress) -> None:
        stopwatch.done(steps)

    with tempfile.TemporaryDirectory(prefix="wildrobot-bench-") as runs:
        train(config, Path(runs), "bench", on_progress)


def without_style(config: Config) -> Config:
    """The same training without its discriminator, and without clips beside the environment."""
    env = config.env.model_copy(update={"reference": None})
    return config.model_copy(update={"amp": None, "env": env})


def brax(config: Config, stopwatch: Stopwatch) -> None:
    """Train by unmodified `brax.training.agents.ppo.train.train`: same networks, same epochs.

    It times itself (`training/sps`), and between its reports it waits for its next turn.
    """
    from brax.training.agents.ppo.train import train as brax_train

    env = WildRobotEnv(config.env)
    batch = batch_config(config, env.backend)
    steps = BRAX_ITERATIONS * batch.num_envs * batch.unroll_length
    reports = 0

    def on_report(_steps: int, metrics: dict[str, Any]) -> None:
        nonlocal reports
        reports += 1
        if reports <= BRAX_WARM_UP:
            stopwatch.done(steps)
        else:
            stopwatch.report(float(metrics["training/sps"]))

    brax_train(
        env,
        **brax_arguments(config, env.backend),
        num_timesteps=_ENDLESS * steps,
        num_evals=_ENDLESS + 1,
        run_evals=False,
        progress_fn=on_report,
    )


def brax_arguments(config: Config, engine: str) -> dict[str, Any]:
    """What Brax's PPO calls the settings of a configuration; the length of training aside."""
    ppo, batch = config.ppo, batch_config(config, engine)
    return {
        "num_envs": batch.num_envs,
        "episode_length": round(ppo.episode_length / config.env.control_period),
        "learning_rate": ppo.learning_rate,
        "entropy_cost": ppo.entropy,
        "discounting": ppo.discount,
        "unroll_length": batch.unroll_length,
        "batch_size": batch.num_envs // batch.num_minibatches,
        "num_minibatches": batch.num_minibatches,
        "num_updates_per_batch": ppo.epochs,
        "normalize_observations": ppo.normalize_observations,
        "reward_scaling": ppo.reward_scale,
        "clipping_epsilon": ppo.clip,
        "gae_lambda": ppo.gae_lambda,
        "max_grad_norm": ppo.max_grad_norm,
        "vf_loss_coefficient": ppo.value_weight,
        "network_factory": brax_factory(batch),
        "seed": config.seed,
    }
