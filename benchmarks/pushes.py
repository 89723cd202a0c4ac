"""Which pushes fell a policy, and whether anything could have saved it: docs/results.md.

    python benchmarks/pushes.py RUN                     # falls by side, 256 rollouts of `pushes`
    python benchmarks/pushes.py RUN --scenario shoves
    python benchmarks/pushes.py RUN --search 48         # ... and a search for what saves it

The search adds a smooth residual to the policy's actions after the first push of each rollout, and
improves it by the cross-entropy method. It knows what is coming: what it saves can be saved; of
what it does not, nobody knows.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from wildrobot_cli import WildRobotEnv
from wildrobot_cli.commands.settings import prepare_jax
from wildrobot_cli.config.scenario import load_scenarios
from wildrobot_cli.evaluation.measuring import Subject
from wildrobot_cli.evaluation.rollout import rollout
from wildrobot_cli.runtime.observing.rotations import to_heading_frame
from wildrobot_cli.training.policy import Policy
from wildrobot_cli.training.run_folder import open_run

LATE = 1.5
"""A fall this long after a push began is not its doing [s]."""
SECTORS = 8
"""Sides to tell apart."""

HORIZON, MOVED, KNOTS = 1.8, 0.9, 9
"""From a push's beginning: time to stand, time of the residual [s], and its support points."""
SAMPLES, ELITE, SPREAD, LEAST = 64, 8, 0.5, 0.03
"""Of the cross-entropy method: samples, the best of them, their first spread and the least."""


def sides(force: np.ndarray, heading: np.ndarray, phase: np.ndarray) -> np.ndarray:
    """Where pushes go, 0 ahead and 90 to the side of the foot that swings first [deg]. Shape (k,).

    Args:
        force: in the world [N]. Shape (k, 2).
        heading: of the robot [rad]. Shape (k,).
        phase: of its left foot [rad]. Shape (k,).
    """
    ahead, left = np.moveaxis(np.asarray(to_heading_frame(force, heading, np)), -1, 0)
    return np.degrees(np.arctan2(np.where(phase % (2 * np.pi) < np.pi, left, -left), ahead)) % 360


def outcomes(env: WildRobotEnv, policy: Policy, episodes: int, seed: int) -> np.ndarray:
    """Roll out, and return each push's side [deg] and whether it felled. Shape (k, 2)."""
    trajectory = rollout(env, policy, episodes, seed)
    pushes = _start(env, episodes, seed).pipeline_state.disturbance.pushes
    begins, forces = np.asarray(pushes.begin), np.asarray(pushes.force)
    late = round(LATE / env.dt)
    ends = np.where(trajectory.fell, trajectory.alive.sum(axis=0), np.iinfo(np.int32).max)
    begun = begins < np.minimum(ends, env.config.episode_steps - late)[:, None]
    following = np.pad(begins[:, 1:], ((0, 0), (0, 1)), constant_values=env.config.episode_steps)
    felled = ends[:, None] < np.minimum(following, begins + late)
    episode, push = np.nonzero(begun)
    step = begins[episode, push]
    heading, phase = trajectory.heading[step, episode], trajectory.phase[step, episode]
    return np.stack([sides(forces[begun], heading, phase), felled[begun]], axis=-1)


def search(env: WildRobotEnv, policy: Policy, episodes: int, rounds: int, seed: int) -> None:
    """Look for residuals that keep the robot up after its first push; print what was saved."""
    start = _at_push(env, policy, episodes, seed)
    start = jax.tree.map(lambda x: jnp.repeat(x, SAMPLES, axis=0), start)
    shape, stand = (episodes, KNOTS, env.action_size), _stand(env, policy)
    mean, spread = np.zeros(shape, np.float32), np.full(shape, SPREAD, np.float32)
    rng, saved = np.random.default_rng(seed), np.zeros(episodes, bool)
    for count in range(rounds + 1):
        noise = rng.standard_normal((episodes, SAMPLES, *shape[1:]), np.float32)
        knots = mean[:, None] + spread[:, None] * noise
        knots[:, 0] = mean
        found = stand(start, knots.reshape(-1, *shape[1:]))
        up, score = (np.asarray(x).reshape(episodes, SAMPLES) for x in found)
        if count == 0:
            print(f"first pushes: the policy bears {up[:, 0].sum()} of {episodes}", flush=True)
        saved |= up.any(axis=1)
        print(f"  round {count}: a sample bears {saved.sum()}", flush=True)
        best = np.argsort(-score, axis=1)[:, :ELITE, None, None]
        elite = np.take_along_axis(knots, best, axis=1)
        mean = 0.3 * mean + 0.7 * elite.mean(axis=1)
        spread = 0.3 * spread + 0.7 * (elite.std(axis=1) + LEAST)


def _stand(env: WildRobotEnv, policy: Policy) -> Callable[[Any, Any], tuple[jax.Array, jax.Array]]:
    """Return a function: states and residuals to who stands at the end, and how upright it was."""
    weights = _weights(env.dt)

    def stand(state: Any, knots: jax.Array) -> tuple[jax.Array, jax.Array]:
        def step(carry: tuple[Any, jax.Array], weight: jax.Array) -> Any:
            state, up = carry
            action = policy.act(state.obs) + jnp.einsum("k,bkn->bn", weight, knots)
            state = jax.vmap(env.step)(state, jnp.clip(action, -1.0, 1.0))
            up = up * (1.0 - state.done)
            tilt = jax.vmap(lambda episode: env.context(episode).up[:2])(state.pipeline_state)
            return (state, up), up * (1.0 - jnp.sum(tilt**2, axis=-1))

        (_, up), upright = jax.lax.scan(step, (state, jnp.ones(len(knots))), weights)
        return up > 0, upright.sum(axis=0)

    return jax.jit(stand)


def _start(env: WildRobotEnv, episodes: int, seed: int) -> Any:
    """The states that `rollout` begins with."""
    return jax.jit(jax.vmap(env.reset))(jax.random.split(jax.random.PRNGKey(seed), episodes))


def _at_push(env: WildRobotEnv, policy: Policy, episodes: int, seed: int) -> Any:
    """Each episode's state when its first push begins."""
    state = _start(env, episodes, seed)
    begins = state.pipeline_state.disturbance.pushes.begin[:, 0]

    @jax.jit
    def step(state: Any, now: int) -> Any:
        after = jax.vmap(env.step)(state, policy.act(state.obs))

        def pick(old: jax.Array, new: jax.Array) -> jax.Array:
            waits = (now < begins).reshape(-1, *[1] * (new.ndim - 1))
            return jnp.where(waits, new, old)

        return jax.tree.map(pick, state, after)

    for now in range(int(begins.max())):
        state = step(state, now)
    return state


def _weights(dt: float) -> jax.Array:
    """How much of each support point goes into each control step. Shape (steps, KNOTS)."""
    place = np.arange(round(HORIZON / dt))[:, None] * dt / MOVED * (KNOTS - 1)
    near = np.maximum(1.0 - np.abs(place - np.arange(KNOTS)), 0.0)
    return jnp.asarray(near, jnp.float32)


def main() -> None:
    """Print falls by side, and what a search finds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--scenario", default="pushes")
    parser.add_argument("--episodes", type=int, default=256)
    parser.add_argument("--search", type=int, default=0, help="rollouts to search savings for")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args()
    prepare_jax()
    subject = Subject(open_run(options.run), overrides=tuple(options.set))
    (scenario,) = load_scenarios((options.scenario,))
    env = WildRobotEnv(subject.config(scenario).env)
    found = outcomes(env, subject.policy, options.episodes, options.seed)
    print(f"{len(found)} pushes, {found[:, 1].mean():.3f} of them felled it")
    for sector in range(SECTORS):
        middle = sector * 360 / SECTORS
        near = (found[:, 0] - middle + 180 / SECTORS) % 360 < 360 / SECTORS
        print(f"  {middle:3.0f} deg  {near.sum():4d}  {found[near, 1].mean():.3f}")
    if options.search:
        search(env, subject.policy, options.search, options.rounds, options.seed)


if __name__ == "__main__":
    main()
