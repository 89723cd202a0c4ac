"""From a gait to a motion that is balanced on paper: footsteps, centre of mass, postures.

The linear inverted pendulum (Kajita et al. 2001) gives the centre of mass for a wanted centre of
pressure. The legs are two thirds of a small robot's mass, and a pendulum has none: what inverse
dynamics finds the true pressure to be off by is given back to the pendulum (Kagami et al. 2002),
with the waist as high as the legs reach.
"""

from dataclasses import dataclass

import mujoco
import numpy as np

from wildrobot_cli.making.curves import Swing, human_pitch
from wildrobot_cli.making.dynamics import Dynamics, dynamics
from wildrobot_cli.making.footsteps import Course, FootPlan, Gait, plan_walk
from wildrobot_cli.making.posing import BodyPlan, poses
from wildrobot_cli.making.recipe import Recipe, Style, style_of
from wildrobot_cli.robot import Robot

ROUNDS = 5
"""Corrections of pressure and height; each leaves about a third of the error."""


@dataclass(frozen=True, eq=False)
class Motion:
    """A motion to follow, in samples half a control period apart."""

    dt: float
    """Time between samples [s]."""
    qpos: np.ndarray
    """Generalized positions. Shape (T, nq)."""
    bearing: np.ndarray
    """Whether each foot is to bear weight. Shape (T, 2), bool."""
    dynamics: Dynamics
    """What it asks of floor and servos."""


@dataclass(frozen=True, eq=False)
class WalkPlan:
    """A walk on paper."""

    gait: Gait
    """How it walks."""
    course: Course
    """How long."""
    feet: FootPlan
    """Feet and pressure."""
    motion: Motion
    """The motion to follow."""


def plan(robot: Robot, recipe: Recipe, name: str) -> WalkPlan:
    """Plan a walk of a recipe, by name.

    Raises:
        ConfigError: the walk's style does not fit.
        EnvironmentUnavailable: `mink` is not installed.
    """
    walk, style, dt = recipe.walks[name], style_of(recipe, name), recipe.control_period / 2
    grid = 2 * recipe.control_period
    gait = Gait(
        speed=walk.speed,
        period=round(style.period / grid) * grid,
        duty=style.duty,
        width=style.width,
        roll=style.roll,
        pressure=style.pressure,
    )
    course = Course.of(recipe.ramp, recipe.strides, recipe.pause)
    pitch = style.pitch * human_pitch(recipe.human)
    feet = plan_walk(gait, course, Swing(style.clearance, style.top, style.haste, pitch), dt)
    return WalkPlan(gait, course, feet, _balanced(robot, recipe, style, gait, feet))


def standing(robot: Robot, recipe: Recipe) -> Motion:
    """Stand still in the home pose."""
    dt = recipe.control_period / 2
    qpos = np.tile(robot.home_qpos, (round(recipe.stand / dt) + 1, 1))
    bearing = np.ones((len(qpos), 2), dtype=bool)
    return Motion(dt, qpos, bearing, dynamics(robot, qpos, dt))


def pendulum(pressure: np.ndarray, height: float, gravity: float, dt: float) -> np.ndarray:
    """Centre of mass over a moving centre of pressure, at rest at both ends.

    Solves c - (height / gravity) c'' = pressure, differences for c''. Shape (T, 2) [m].
    """
    count, stiffness = len(pressure), height / gravity / dt**2
    beside = np.full(count - 1, -stiffness)
    middle = np.full(count, 1 + 2 * stiffness)
    middle[[0, -1]] -= stiffness
    return np.linalg.solve(np.diag(middle) + np.diag(beside, 1) + np.diag(beside, -1), pressure)


def _balanced(robot: Robot, recipe: Recipe, style: Style, gait: Gait, feet: FootPlan) -> Motion:
    """Find the postures whose true centre of pressure is the planned one."""
    dt, leg = recipe.control_period / 2, recipe.human.leg_length
    gravity, home = robot.weight / robot.mass, float(robot.home_qpos[robot.root_qpos][2])
    up = _risen(feet, gait)
    chest = -style.waist_yaw * gait.step / leg * _fade(feet) * np.cos(np.pi * feet.clock)
    arc = style.rise * _arc(gait.step, leg) * _fade(feet) * _vault(feet)
    asked, height = feet.pressure.copy(), home - recipe.low
    mass_height, guess = _mass_height(robot), None
    for _ in range(ROUNDS):
        com = pendulum(asked, mass_height, gravity, dt)
        body = BodyPlan(com, home + (height - home) * up + arc, chest)
        qpos = guess = poses(robot, feet, body, guess)
        found = dynamics(robot, qpos, dt)
        asked += feet.pressure - found.pressure
        height += _slack(robot, recipe.knees, style.knee, qpos[up >= 1.0])
    return Motion(dt, qpos, feet.bearing, found)


def _risen(feet: FootPlan, gait: Gait) -> np.ndarray:
    """How far the root has gone from standing to walking height. Shape (T,), 0..1."""
    before = 1 + feet.clock / -feet.clock[0]
    after = (feet.clock[-1] - feet.clock) / -feet.clock[0]
    share = np.clip(np.minimum(before, after), 0.0, 1.0)
    return share**2 * (3 - 2 * share)


def _arc(step: float, leg: float) -> float:
    """How far a stiff leg lifts the hip from double support to mid-stance [m]."""
    return step**2 / (8 * leg)


def _vault(feet: FootPlan) -> np.ndarray:
    """Height in a step: 0 in double support, 1 in mid-stance. Shape (T,)."""
    return (1 - np.cos(2 * np.pi * feet.clock)) / 2


def _fade(feet: FootPlan) -> np.ndarray:
    """How far the walk is under way: 0 standing, 1 from two steps on. Shape (T,)."""
    steps = np.floor(feet.clock[-1] + feet.clock[0])
    return np.clip(np.minimum(feet.clock, steps - feet.clock), 0.0, 2.0) / 2


def _mass_height(robot: Robot) -> float:
    """Height of the centre of mass, standing [m]."""
    data = mujoco.MjData(robot.model)
    data.qpos[:] = robot.home_qpos
    mujoco.mj_fwdPosition(robot.model, data)
    return float(data.subtree_com[robot.root_body][2])


def _slack(robot: Robot, knees: tuple[str, str], least: float, qpos: np.ndarray) -> float:
    """How much higher the root could be before a knee is straighter than `least` [m]."""
    model, data = robot.model, mujoco.MjData(robot.model)
    room = []
    shins = [int(model.jnt_bodyid[model.joint(name).id]) for name in knees]
    hips = [int(model.body_parentid[shin]) for shin in shins]
    ankles = [int(np.flatnonzero(model.body_parentid == shin)[0]) for shin in shins]
    for row in qpos:
        data.qpos[:] = row
        mujoco.mj_kinematics(model, data)
        for hip, shin, ankle in zip(hips, shins, ankles, strict=True):
            thigh, calf = (
                np.linalg.norm(model.body_pos[shin]),
                np.linalg.norm(model.body_pos[ankle]),
            )
            reach2 = thigh**2 + calf**2 + 2 * thigh * calf * np.cos(least)
            x, y, z = data.xpos[hip] - data.xpos[ankle]
            room.append(np.sqrt(max(reach2 - x * x - y * y, 0.0)) - z)
    return float(min(room))
