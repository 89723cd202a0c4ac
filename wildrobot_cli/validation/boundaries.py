"""Which part of a candidate environment differs from the reference, each part judged alone.

A wrong gain makes every reward differ. So each part is given what the reference gave it: the
engines the same state and targets, the observation, reward and termination terms the same episode.
"""

from dataclasses import dataclass, replace
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from brax.envs.base import State

from wildrobot_cli.env.environment import POLICY_KEY, VALUE_KEY, WildRobotEnv
from wildrobot_cli.validation.compare import Record, advance, largest, sensor_slices
from wildrobot_cli.validation.hints import describe_difference, model_differences, swapped_targets

Part = Literal["action", "physics", "sensor", "observation", "reward", "termination", "step"]
Pair = tuple[Any, Any]
"""The reference's values and the candidate's, both (steps, num_envs, ...)."""

SAME_INPUT = 1e-5
"""Largest difference of terms on the same episodes: no physics rounds between them."""
_MOVING = ("qpos", "qvel", "actuator_force")


@dataclass(frozen=True)
class Boundary:
    """A part of the candidate that differs from the reference."""

    part: Part
    """Where: from action to termination; `step` is what holds the parts together."""
    name: str
    """The field, sensor or term."""
    difference: float
    """Largest absolute difference, in its unit; a sensor's in shares of its largest reading."""
    hint: str
    """What kind of difference it is; empty when it is of no known kind."""


def find_boundaries(
    reference: WildRobotEnv, candidate: WildRobotEnv, record: Record, tolerance: float
) -> tuple[Boundary, ...]:
    """Return the parts that differ by more than `tolerance`, upstream first."""
    envs, exact = (reference, candidate), min(tolerance, SAME_INPUT)
    found = [
        *_targets(envs, record, exact),
        *_physics(envs, record, tolerance),
        *_judgements(envs, record, exact),
    ]
    return tuple(found or _whole_step(record, tolerance))


def _targets(
    envs: tuple[WildRobotEnv, WildRobotEnv], record: Record, tolerance: float
) -> list[Boundary]:
    """What the environments ask of the servos for the same actions."""
    ours, theirs = (env.targets(jnp.asarray(record.actions)) for env in envs)
    names = envs[0].robot.joint_names
    return _compare("action", "targets", (ours, theirs), tolerance, names)


def _physics(
    envs: tuple[WildRobotEnv, WildRobotEnv], record: Record, tolerance: float
) -> list[Boundary]:
    """What the engines make of the same states and targets; sensors, where the motion agrees."""
    reference = envs[0]
    targets = reference.targets(jnp.asarray(record.actions))
    ours, theirs = (advance(env, record.before, targets) for env in envs)
    found: list[Boundary] = []
    for name in _MOVING:
        found += _compare("physics", name, (getattr(ours, name), getattr(theirs, name)), tolerance)
    if found:
        cause = model_differences(*(env.engine.model for env in envs))
        cause = cause or swapped_targets(reference, record.before, targets, theirs.qvel, tolerance)
        return [replace(boundary, hint=cause or boundary.hint) for boundary in found]
    for name, place in sensor_slices(reference).items():
        scale = max(1.0, float(np.abs(ours.sensordata[..., place]).max()))
        pair = ours.sensordata[..., place] / scale, theirs.sensordata[..., place] / scale
        found += _compare("sensor", name, pair, tolerance)
    return found


def _judgements(
    envs: tuple[WildRobotEnv, WildRobotEnv], record: Record, tolerance: float
) -> list[Boundary]:
    """What observation, reward and termination terms say of the same episodes."""
    ours, theirs = (_judge(env, record) for env in envs)
    found: list[Boundary] = []
    for name, place in envs[0].observation_slices.items():
        pair = ours["obs"][..., place], theirs["obs"][..., place]
        found += _compare("observation", name, pair, tolerance)
    for name, value in ours["rewards"].items():
        found += _compare("reward", name, (value, theirs["rewards"][name]), tolerance)
    for name, value in ours["terminations"].items():
        found += _compare("termination", name, (value, theirs["terminations"][name]), tolerance)
    return found


def _judge(env: WildRobotEnv, record: Record) -> dict[str, Any]:
    """Apply an environment's terms to the reference's episodes, with the reference's noise."""

    def judge(before: State, after: State) -> dict[str, Any]:
        _, key = jax.random.split(before.info["rng"])
        episode, past = after.pipeline_state, before.pipeline_state
        context = env.context(episode)
        return {
            "obs": env.observe(episode, past.encoders, before.obs[POLICY_KEY], key)[VALUE_KEY],
            "rewards": env.rewards(context),
            "terminations": env.terminations(context),
        }

    return jax.jit(jax.vmap(jax.vmap(judge)))(record.before, record.reference)


def _whole_step(record: Record, tolerance: float) -> list[Boundary]:
    """Blame what holds the parts together, where each part agrees and the whole does not."""
    ours, theirs = record.reference, record.single
    moved: list[Boundary] = []
    for name in _MOVING:
        states = (state.pipeline_state.physics for state in (ours, theirs))
        pair = tuple(getattr(physics, name) for physics in states)
        moved += _compare("action", name, pair, tolerance)
    if moved:
        hint = "engines and targets agree: what reaches the engine is not what was asked for"
        return [replace(moved[0], hint=hint)]
    return [
        *_compare("step", "obs", (ours.obs[VALUE_KEY], theirs.obs[VALUE_KEY]), tolerance),
        *_compare("step", "reward", (ours.reward, theirs.reward), tolerance),
        *_compare("step", "done", (ours.done, theirs.done), tolerance),
    ]


def _compare(
    part: Part, name: str, pair: Pair, tolerance: float, labels: tuple[str, ...] = ()
) -> list[Boundary]:
    """Return a boundary where a pair differs, else none."""
    ours, theirs = (np.asarray(values, float) for values in pair)
    ours, theirs = (values.reshape(*values.shape[:2], -1) for values in (ours, theirs))
    gap = largest(ours - theirs)
    if gap <= tolerance:
        return []
    return [Boundary(part, name, gap, describe_difference(ours, theirs, tolerance, labels))]
