"""Two environments on the same keys and actions, and how far they come apart."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from brax.envs.base import State

from wildrobot_cli.env.environment import VALUE_KEY, Episode, WildRobotEnv
from wildrobot_cli.physics.protocol import PhysicsState

FIELDS = ("qpos", "qvel", "sensordata")
"""Physics fields that are compared."""


SMALLEST = 1e-2
"""Quantities that stay below this are compared with it instead of their largest value."""


class Record(NamedTuple):
    """What two environments did with the same actions. Leaves are (steps, num_envs, ...) arrays."""

    before: State
    """The reference before each control step."""
    actions: np.ndarray
    """What both were told, uniform in [-1, 1]. Shape (steps, num_envs, n)."""
    reference: State
    """The reference after it."""
    single: State
    """The candidate after a step from the reference's state before it: nothing adds up."""
    free: State
    """The candidate on its own since the reset: differences add up."""


@dataclass(frozen=True)
class Difference:
    """How far a candidate's states are from the reference's: largest absolute differences."""

    max_abs_diff: dict[str, float]
    """Of `obs`, `reward`, `qpos`, `qvel`, `sensordata`, in their own units."""
    terms: dict[str, float]
    """Of each observation term (`obs/NAME`) and each weighted reward term (`reward/NAME`)."""
    sensors: dict[str, float]
    """Of each sensor."""
    relative: float
    """The largest, in shares of the largest value of its own term, sensor or field."""
    done_agreement: float
    """Share of steps on which both say the same of the end of the episode."""


def record(
    reference: WildRobotEnv,
    candidate: WildRobotEnv,
    seed: int,
    num_envs: int,
    num_steps: int,
    own_reset: bool = True,
) -> Record:
    """Play the same episodes on both, in JAX's present precision, with large random actions.

    Without `own_reset` the candidate's trajectories begin with the reference's first states: on
    MJX that saves a third of the compile time.
    """
    actions = draw_actions(reference, seed, num_envs, num_steps)
    before, after = play(reference, seed, actions)
    step = _step(candidate)
    single = [step(at(before, t), action) for t, action in enumerate(actions)]
    free = [_start(candidate, seed, num_envs) if own_reset else at(before, 0)]
    for action in actions:
        free.append(step(free[-1], action))
    return Record(before, actions, after, _stack(single), _stack(free[1:]))


def draw_actions(env: WildRobotEnv, seed: int, num_envs: int, num_steps: int) -> np.ndarray:
    """Draw actions from all of [-1, 1], in JAX's present precision. (steps, num_envs, n)."""
    shape = (num_steps, num_envs, env.action_size)
    drawn = np.random.default_rng(seed).uniform(-1.0, 1.0, shape)
    return drawn.astype(jnp.result_type(float))


def play(env: WildRobotEnv, seed: int, actions: np.ndarray) -> tuple[State, State]:
    """Return the states before and after each of `actions`. Leaves (steps, num_envs, ...)."""
    step = _step(env)
    states = [_start(env, seed, actions.shape[1])]
    for action in actions:
        states.append(step(states[-1], action))
    return _stack(states[:-1]), _stack(states[1:])


def advance(env: WildRobotEnv, before: State, targets: jax.Array) -> PhysicsState:
    """Step an environment's engine alone, from each state. Leaves (steps, num_envs, ...)."""

    def step(episode: Episode, ctrl: jax.Array) -> PhysicsState:
        wrench = jnp.zeros(6, ctrl.dtype)
        return env.engine.step(env.params(episode), episode.physics, ctrl, wrench)

    batched = jax.jit(jax.vmap(step))
    episodes = before.pipeline_state
    return _stack([batched(at(episodes, t), ctrl) for t, ctrl in enumerate(targets)])


def _start(env: WildRobotEnv, seed: int, num_envs: int) -> State:
    return _reset(env)(jax.random.split(jax.random.PRNGKey(seed), num_envs))


@lru_cache(maxsize=4)
def _reset(env: WildRobotEnv) -> Callable[[Any], State]:
    return jax.jit(jax.vmap(env.reset))


@lru_cache(maxsize=4)
def _step(env: WildRobotEnv) -> Callable[[Any, Any], State]:
    return jax.jit(jax.vmap(env.step))


def at(tree: Any, index: int) -> Any:
    """A row of every array in a tree."""
    return jax.tree.map(lambda leaf: leaf[index], tree)


def _stack(trees: list[Any]) -> Any:
    return jax.tree.map(lambda *leaves: np.stack(leaves), *trees)


def difference(env: WildRobotEnv, reference: State, candidate: State) -> Difference:
    """Hold a candidate's states against the reference's; leaves (steps, num_envs, ...)."""
    ours, theirs = (_named_values(env, state) for state in (reference, candidate))
    gaps = {name: largest(value - theirs[name]) for name, value in ours.items()}
    scales = {name: max(SMALLEST, float(np.abs(value).max())) for name, value in ours.items()}
    whole = (*FIELDS, "obs", "reward")
    return Difference(
        max_abs_diff={name: gaps[name] for name in whole},
        terms={name: gaps[name] for name in gaps if name.startswith(("obs/", "reward/"))},
        sensors={name: gaps[f"sensor/{name}"] for name in sensor_slices(env)},
        relative=max(gap / scales[name] for name, gap in gaps.items()),
        done_agreement=float(np.mean(reference.done == candidate.done)),
    )


def _named_values(env: WildRobotEnv, state: State) -> dict[str, np.ndarray]:
    """Everything that is compared, whole and in its parts. Shapes (steps, num_envs, ...)."""
    physics, obs = state.pipeline_state.physics, state.obs[VALUE_KEY]
    values = {name: getattr(physics, name) for name in FIELDS}
    values |= {"obs": obs, "reward": state.reward}
    values |= {f"obs/{name}": obs[..., at] for name, at in env.observation_slices.items()}
    values |= {name: v for name, v in state.metrics.items() if name.startswith("reward/")}
    places = sensor_slices(env).items()
    values |= {f"sensor/{name}": physics.sensordata[..., at] for name, at in places}
    return {name: np.asarray(value, float) for name, value in values.items()}


def sensor_slices(env: WildRobotEnv) -> dict[str, slice]:
    """Where each sensor of the robot's model stands in sensordata, by name."""
    model = env.robot.model
    return {
        model.sensor(i).name or f"sensor {i}": slice(start, start + size)
        for i, (start, size) in enumerate(zip(model.sensor_adr, model.sensor_dim, strict=True))
    }


def largest(gap: np.ndarray) -> float:
    """Largest absolute value; infinite where there is one that is not a number."""
    return float(np.where(np.isnan(gap), np.inf, np.abs(gap)).max(initial=0.0))
