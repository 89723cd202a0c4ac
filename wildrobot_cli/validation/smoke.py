"""Smoke: the environment builds, runs, and says what a robot in a known pose would."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
from brax.envs.base import State

from wildrobot_cli.env.context import StepContext
from wildrobot_cli.env.environment import VALUE_KEY, Episode, WildRobotEnv
from wildrobot_cli.robot import Robot
from wildrobot_cli.runtime.observing.estimation import root_heading
from wildrobot_cli.runtime.observing.rotations import up_vector
from wildrobot_cli.validation.checks import Check
from wildrobot_cli.validation.compare import play
from wildrobot_cli.validation.health import check_model

ORIENTATIONS = 1000
"""Random orientations that roll, pitch and heading are checked on."""
LEVEL_POSES = 100
"""Headings, and angles of the heading joint, that the IMU is checked on."""
ORIENTATION_TOLERANCE = {"float64": 1e-6, "float32": 1e-4}
"""Largest error in roll, pitch and heading [rad]."""
STANDING_STEPS = 100
"""Control steps for which the home pose must stand without a policy."""

MOST_TILT, MOST_SUNK = 2.0, 5.0
"""How far a robot that stands may lean [deg] and rise or sink [mm]."""
IMU_TOLERANCE = 1e-3
"""Largest error of a level robot's sensed up vector and heading [rad]."""

Span = tuple[float, float]


@dataclass(frozen=True)
class Smoke:
    """What a smoke test found."""

    checks: tuple[Check, ...]
    """Every property that was checked."""
    observations: dict[str, Span]
    """Smallest and largest value of each observation term, over all actions."""
    rewards: dict[str, Span]
    """Smallest and largest value of each reward term in a control step."""

    @property
    def passed(self) -> bool:
        """Whether all checks hold."""
        return all(check.passed for check in self.checks)


def smoke(env: WildRobotEnv, calm: WildRobotEnv, seed: int, num_envs: int, num_steps: int) -> Smoke:
    """Reset and step an environment, and check what it says, in JAX's present precision.

    Args:
        env: the environment.
        calm: the same, undisturbed: it alone can say what a robot in a known pose would.
        seed: of start states, noise and actions.
        num_envs: environments that are stepped with each kind of actions.
        num_steps: control steps.
    """
    shape = (num_steps, num_envs, env.action_size)
    rng = np.random.default_rng(seed)
    told = {
        "zero": np.zeros(shape),
        "random": rng.uniform(-1.0, 1.0, shape),
        "extreme": rng.choice([-1.0, 1.0], shape),
    }
    actions = np.concatenate([*told.values()], axis=1).astype(jnp.result_type(float))
    _, after = play(env, seed, actions)
    checks = (
        *(_finite(name, after, i * num_envs, num_envs) for i, name in enumerate(told)),
        *_poses(calm, seed),
        _stands(calm),
        *check_model(calm.robot),
    )
    obs, metrics = after.obs[VALUE_KEY], after.metrics
    return Smoke(
        checks=checks,
        observations={name: _span(obs[..., at]) for name, at in env.observation_slices.items()},
        rewards={
            name.removeprefix("reward/"): _span(metrics[name])
            for name in metrics
            if name.startswith("reward/")
        },
    )


def _finite(name: str, after: State, first: int, count: int) -> Check:
    """No NaN or infinity in anything that a policy or a learner sees."""
    after = jax.tree.map(lambda leaf: leaf[:, first : first + count], after)
    seen = {"obs": after.obs, "reward": after.reward, "qpos": after.pipeline_state.physics.qpos}
    bad = [key for key, tree in seen.items() if not _all_finite(tree)]
    failed = 1.0 - float(np.mean(after.pipeline_state.physics.ok))
    found = f"not finite: {', '.join(bad)}" if bad else f"{len(after.reward)} steps x {count}"
    found += f"; {failed:.1%} of simulations failed" if failed else ""
    return Check(f"{name} actions", not bad and not failed, found, "finite, no failed simulation")


def _all_finite(tree: Any) -> bool:
    return all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(tree))


def _poses(env: WildRobotEnv, seed: int) -> list[Check]:
    """Put the robot into poses of known orientation, and of known failure, and read it out."""
    limits = np.array([np.pi, 0.49 * np.pi, np.pi])
    angles = np.random.default_rng(seed).uniform(-limits, limits, (ORIENTATIONS, 3))
    groups = {"orientations": [_turned(env.robot, *row) for row in angles]}
    for name, term in env.config.terminations.items():
        for share in (_SHORT, _BEYOND):
            groups[f"{name} {share}"] = STATES[name](env.robot, share, **term.parameters)
    placed = jax.jit(jax.vmap(partial(_placed, env)))
    context, fired = placed(jnp.asarray(np.concatenate([*groups.values()])))
    ends = np.cumsum([len(poses) for poses in groups.values()])
    at = {name: slice(end - len(groups[name]), end) for name, end in zip(groups, ends, strict=True)}
    checks = [
        _imu(env, seed),
        _orientations(angles, jax.tree.map(lambda leaf: leaf[at["orientations"]], context)),
    ]
    for name in env.config.terminations:
        short, beyond = (np.asarray(fired[name])[at[f"{name} {s}"]] for s in (_SHORT, _BEYOND))
        found = f"fires {beyond.sum()}/{len(beyond)} beyond, {short.sum()}/{len(short)} short of it"
        passed = bool(beyond.all() and not short.any())
        checks.append(
            Check(
                f"termination {name}",
                passed,
                found,
                "in all states beyond its limit, in none short of it",
            )
        )
    return checks


def _placed(env: WildRobotEnv, qpos: jax.Array) -> tuple[StepContext, dict[str, jax.Array]]:
    """What the terms read of a robot at rest in a pose, and which terminations fire."""
    context = env.context(_place(env, qpos))
    return context, env.terminations(context)


def _imu(env: WildRobotEnv, seed: int) -> Check:
    """What the IMU and the heading joint say of a level robot that is turned at the waist."""
    robot, rng = env.robot, np.random.default_rng(seed)
    headings = rng.uniform(-np.pi, np.pi, LEVEL_POSES)
    poses = np.stack([_turned(robot, 0.0, 0.0, heading) for heading in headings])
    joints = rng.uniform(robot.lower, robot.upper, (LEVEL_POSES, len(robot.joint_names)))
    if robot.heading_joint is not None:
        at = robot.heading_joint
        poses[:, robot.qpos_ids[at]] = joints[:, at]
    placed = jax.jit(jax.vmap(partial(_place, env)))(jnp.asarray(poses, jnp.result_type(float)))
    imu = np.asarray(placed.physics.sensordata, float)[:, robot.imu.orientation]
    angles = poses[:, robot.qpos_ids]
    sensed = np.array(
        [root_heading(q, a, robot.heading_joint, np) for q, a in zip(imu, angles, strict=True)]
    )
    turned = np.abs((sensed - headings + np.pi) % (2 * np.pi) - np.pi).max()
    leaning = np.abs(up_vector(imu, np) - np.array([0.0, 0.0, 1.0])).max()
    found = f"up wrong by {leaning:.1e}, heading by {turned:.1e} rad"
    passed = bool(max(turned, leaning) <= IMU_TOLERANCE)
    return Check("IMU on a level robot", passed, found, f"within {IMU_TOLERANCE:g}")


def _orientations(angles: np.ndarray, context: StepContext) -> Check:
    """Hold what was read against the roll, pitch and heading that were set. Shape (n, 3)."""
    up = np.asarray(context.up)
    roll, pitch = np.arctan2(up[:, 1], up[:, 2]), -np.arcsin(np.clip(up[:, 0], -1.0, 1.0))
    found = np.stack([roll, pitch, np.asarray(context.heading)], axis=1)
    error = float(np.abs((found - angles + np.pi) % (2 * np.pi) - np.pi).max())
    tolerance = ORIENTATION_TOLERANCE[up.dtype.name]
    expected = f"roll, pitch and heading within {tolerance:g} rad"
    return Check(f"{ORIENTATIONS} orientations", error <= tolerance, f"{error:.1e} rad", expected)


_SHORT, _BEYOND = 0.95, 1.05
"""How far states go towards a termination's limit."""


def _tilted(robot: Robot, share: float, *, limit: float) -> list[np.ndarray]:
    """Lean to all four sides."""
    lean = share * limit
    sides = ((lean, 0.0), (-lean, 0.0), (0.0, lean), (0.0, -lean))
    return [_turned(robot, roll, pitch, 0.0) for roll, pitch in sides]


def _too_low(robot: Robot, share: float, *, limit: float) -> list[np.ndarray]:
    """Sink, level."""
    qpos = robot.home_qpos.copy()
    qpos[robot.root_qpos][2] = limit / share
    return [qpos]


STATES: Mapping[str, Callable[..., list[np.ndarray]]] = {"tilted": _tilted, "too_low": _too_low}
"""For each termination term: poses that go `share` of the way to its limit."""


def _stands(env: WildRobotEnv) -> Check:
    """The home pose, with its targets held and no noise, neither falls nor lifts a foot."""

    def hold(episode: Episode, _: None) -> tuple[Episode, tuple[StepContext, dict[str, jax.Array]]]:
        episode = env.act(episode, jnp.zeros(env.action_size, episode.phase.dtype))
        context = env.context(episode)
        return episode, (context, env.terminations(context))

    home = env.robot.home_qpos
    run = jax.jit(lambda q: jax.lax.scan(hold, _place(env, q), None, length=STANDING_STEPS)[1])
    context, fired = run(jnp.asarray(home, jnp.result_type(float)))
    fell = {name: np.asarray(verdict) for name, verdict in fired.items() if np.any(verdict)}
    loads = np.asarray(context.foot_forces)[-1]
    tilt = np.degrees(np.arccos(np.clip(context.up[-1, 2], -1.0, 1.0)))
    sunk = 1000 * (home[env.robot.root_qpos][2] - float(context.height[-1]))
    found = f"tilt {tilt:.1f} deg, sunk {sunk:.1f} mm, on feet {loads[0]:.0%}, {loads[1]:.0%}"
    for term, verdict in fell.items():
        found += f"; {term} after {(np.argmax(verdict) + 1) * env.dt:.2f} s"
    name = f"home stands for {STANDING_STEPS * env.dt:g} s"
    still = tilt <= MOST_TILT and abs(sunk) <= MOST_SUNK
    expected = f"no fall, at most {MOST_TILT:g} deg and {MOST_SUNK:g} mm, load on both feet"
    return Check(name, bool(not fell and still and loads.min() > 0), found, expected)


def _place(env: WildRobotEnv, qpos: jax.Array) -> Episode:
    """Start an episode and put the robot into a pose, at rest."""
    episode = env.reset(jax.random.PRNGKey(0)).pipeline_state
    ctrl = jnp.asarray(env.robot.home_ctrl, qpos.dtype)
    at_rest = jnp.zeros(env.robot.model.nv, qpos.dtype)
    return episode.replace(physics=env.engine.init(episode.params, qpos, at_rest, ctrl))


def _turned(robot: Robot, roll: float, pitch: float, heading: float) -> np.ndarray:
    """The home pose, turned about x, then y, then z [rad], by MuJoCo's own quaternions. (nq,)."""
    turn, result = np.zeros(4), np.array([1.0, 0.0, 0.0, 0.0])
    for axis, angle in zip(np.eye(3)[::-1], (heading, pitch, roll), strict=True):
        mujoco.mju_axisAngle2Quat(turn, axis, angle)
        mujoco.mju_mulQuat(result, result.copy(), turn)
    qpos = robot.home_qpos.copy()
    qpos[robot.root_qpos][3:] = result
    return qpos


def _span(values: np.ndarray) -> Span:
    return float(np.min(values)), float(np.max(values))
