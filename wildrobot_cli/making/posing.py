"""Inverse kinematics: the postures that put feet, centre of mass and waist where they are to be."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from wildrobot_cli.errors import EnvironmentUnavailable
from wildrobot_cli.making.footsteps import FootPlan
from wildrobot_cli.robot import Robot
from wildrobot_cli.robot.sides import sole_sites

ITERATIONS = 20
"""Gauss-Newton steps for a frame, at most; from the frame before, three or four are enough."""
STILL = 1e-5
"""A step smaller than this ends the search [m, rad]."""
DAMPING = 1e-5
"""Levenberg-Marquardt damping."""


@dataclass(frozen=True, eq=False)
class BodyPlan:
    """Where the body is to be over T samples."""

    com: np.ndarray
    """Centre of mass. Shape (T, 2) [m]."""
    height: np.ndarray
    """Of the root. Shape (T,) [m]."""
    waist_yaw: np.ndarray
    """Angle of the joint between root and chest, if there is one. Shape (T,) [rad]."""


def poses(
    robot: Robot, feet: FootPlan, body: BodyPlan, guess: np.ndarray | None = None
) -> np.ndarray:
    """Solve for the postures, upright and heading along x. Shape (T, nq).

    A leg without a yaw joint cannot turn its foot: the soles' heading is asked for only weakly.

    Args:
        robot: the robot.
        feet: where the feet are to be.
        body: where the body is to be.
        guess: where each search starts; at the sample before where None. Shape (T, nq).

    Raises:
        EnvironmentUnavailable: `mink` is not installed.
    """
    try:
        import mink
    except ImportError:
        raise EnvironmentUnavailable(
            "`motion make` needs mink: pip install 'wildrobot[motion]'"
        ) from None
    model = robot.model
    state = mink.Configuration(model, np.array(robot.home_qpos))
    names = [model.site(site).name for site in sole_sites(robot)]
    soles = [mink.FrameTask(name, "site", 10.0, [1.0, 1.0, 0.02]) for name in names]
    root = mink.FrameTask(model.body(robot.root_body).name, "body", [0.0, 0.0, 10.0], 1.0)
    mass = mink.ComTask([10.0, 10.0, 0.0])
    rest = mink.PostureTask(model, _waist_only(robot))
    frames = []
    for k in range(len(body.com)):
        for foot, task in enumerate(soles):
            tilt = mink.SO3.from_y_radians(feet.pitch[k, foot])
            task.set_target(_frame(mink, tilt, feet.soles[k, foot]))
        root.set_target(_frame(mink, mink.SO3.identity(), np.array([*body.com[k], body.height[k]])))
        mass.set_target(np.array([*body.com[k], 0.0]))
        rest.set_target(_resting(robot, body.waist_yaw[k]))
        if guess is not None:
            state.update(guess[k])
        _solve(mink, state, [*soles, root, mass, rest])
        frames.append(state.q.copy())
    return np.array(frames)


def _solve(mink: Any, state: Any, tasks: list[Any]) -> None:
    """Move a configuration until it does its tasks as well as it can."""
    for _ in range(ITERATIONS):
        step = mink.solve_ik(state, tasks, 1.0, "daqp", damping=DAMPING, limits=[])
        state.integrate_inplace(step, 1.0)
        if np.abs(step).max() < STILL:
            return


def _frame(mink: Any, rotation: Any, place: np.ndarray) -> Any:
    return mink.SE3.from_rotation_and_translation(rotation, place)


def _waist_only(robot: Robot) -> np.ndarray:
    """Costs that hold the joint between root and chest, and nothing else. Shape (nv,)."""
    cost = np.zeros(robot.model.nv)
    if robot.heading_joint is not None:
        cost[robot.qvel_ids[robot.heading_joint]] = 1.0
    return cost


def _resting(robot: Robot, waist_yaw: float) -> np.ndarray:
    """The home pose with the chest turned. Shape (nq,)."""
    qpos = np.array(robot.home_qpos)
    if robot.heading_joint is not None:
        qpos[robot.qpos_ids[robot.heading_joint]] = waist_yaw
    return qpos
