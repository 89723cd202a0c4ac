"""Training throughput against raw physics and against unmodified Brax PPO, in one run.

    python benchmarks/throughput.py [--config ppo.yaml] [--iterations 20] [--repeats 3]

Prints control steps per second (median over repeats, in turns, so that a noisy machine disturbs
all rows alike), the ratios, and the peak memory of the process.
"""

import argparse
import resource
import statistics
import time
from collections.abc import Callable

import jax
import numpy as np
from mujoco.batch import Batch

from wildrobot_cli import Config, WildRobotEnv, wrap_for_training
from wildrobot_cli.physics.model import engine_model
from wildrobot_cli.training.learner import Learner
from wildrobot_cli.training.networks import network_factory
from wildrobot_cli.training.policy import batch_config

Row = Callable[[], float]


def raw_physics(config: Config, env: WildRobotEnv, control_steps: int) -> Row:
    """MuJoCo C's own batch, stepped from Python: no JAX. Targets move around the home pose.

    Every second the robots are set back on their feet: fallen ones have no contact, and their
    physics would be cheaper than that of a training.
    """
    batch, robot = batch_config(config, env.backend), env.robot
    model = engine_model(robot, config.env, config.env.mujoco)
    sims = Batch(model, nsim=batch.num_envs)
    qpos, qvel, ctrl = sims.bind("qpos"), sims.bind("qvel"), sims.bind("ctrl")
    noise = np.random.default_rng(0).standard_normal((64, batch.num_envs, env.action_size))

    def run() -> float:
        begin = time.perf_counter()
        for step in range(control_steps):
            if step % 50 == 0:
                qpos[:], qvel[:] = robot.home_qpos, 0.0
            ctrl[:] = robot.home_ctrl + 0.15 * noise[step % len(noise)]
            sims.step(nstep=config.env.substeps)
        return control_steps * batch.num_envs / (time.perf_counter() - begin)

    return run


def our_training(config: Config, env: WildRobotEnv, iterations: int) -> Row:
    """`Learner.iterate`, learning included, metrics fetched as in a real training."""
    batch = batch_config(config, env.backend)
    learner = Learner(
        wrap_for_training(env, config.env.episode_steps), config.ppo, batch, iterations
    )
    state = learner.init(jax.random.PRNGKey(0))
    iterate = learner.iterate.lower(state).compile()
    state, *_ = iterate(state)
    holder = [state]

    def run() -> float:
        begin = time.perf_counter()
        for _ in range(iterations):
            holder[0], metrics, _ = iterate(holder[0])
            jax.device_get(metrics)
        return iterations * learner.steps_per_iteration / (time.perf_counter() - begin)

    return run


def brax_training(config: Config, env: WildRobotEnv, iterations: int) -> Row:
    """Unmodified `brax.training.agents.ppo.train.train`: same environment, networks, epochs.

    Brax compiles in its first epoch, and again in its second when array types or places differ:
    its own timer (`training/sps`) of the fastest later epoch is what counts.
    """
    from brax.training.agents.ppo.train import train

    ppo, batch = config.ppo, batch_config(config, env.backend)
    steps = iterations * batch.num_envs * batch.unroll_length

    def run() -> float:
        speeds: list[float] = []
        train(
            env,
            num_timesteps=4 * steps,
            num_envs=batch.num_envs,
            episode_length=config.env.episode_steps,
            learning_rate=ppo.learning_rate,
            entropy_cost=ppo.entropy,
            discounting=ppo.discount,
            unroll_length=batch.unroll_length,
            batch_size=batch.num_envs // batch.num_minibatches,
            num_minibatches=batch.num_minibatches,
            num_updates_per_batch=ppo.epochs,
            normalize_observations=True,
            clipping_epsilon=ppo.clip,
            gae_lambda=ppo.gae_lambda,
            max_grad_norm=ppo.max_grad_norm,
            network_factory=network_factory(ppo, batch),
            num_evals=5,
            run_evals=False,
            progress_fn=lambda _, metrics: speeds.append(float(metrics["training/sps"])),
        )
        return max(speeds[1:])

    return run


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", default="ppo.yaml")
    parser.add_argument("--iterations", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    config = Config.from_file(options.config)
    env = WildRobotEnv(config.env)
    unroll = batch_config(config, env.backend).unroll_length
    rows = {
        "raw physics": raw_physics(config, env, options.iterations * unroll),
        "training": our_training(config, env, options.iterations),
    }
    if jax.__version_info__ < (0, 10):
        rows["brax ppo.train"] = brax_training(config, env, options.iterations)
    speeds: dict[str, list[float]] = {name: [] for name in rows}
    for _ in range(options.repeats):
        for name, run in rows.items():
            speeds[name].append(run())
    medians = {name: statistics.median(values) for name, values in speeds.items()}
    for name, values in speeds.items():
        spread = f"{min(values):,.0f} .. {max(values):,.0f}"
        print(f"{name:16} {medians[name]:10,.0f} control steps/s   ({spread})")
    for name, speed in medians.items():
        if name != "training":
            print(f"training over {name}: {medians['training'] / speed:.2f}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory: {peak:,.0f} MB (all rows in one process)")


if __name__ == "__main__":
    main()
