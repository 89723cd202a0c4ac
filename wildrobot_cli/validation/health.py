"""The health of a robot's model: masses, inertias, ranges, feet, contacts, and servos at home."""

import mujoco
import numpy as np

from wildrobot_cli.robot import Robot
from wildrobot_cli.validation.checks import Check

_TORQUE_SHARE = 0.6
"""Standing still may take this share of a servo's torque: the rest is for walking."""
_LOADS = (0.9, 1.1)
"""Feet bear the weight at home: the sum of the switches, in weights."""
_LEAST_LOAD = 0.2
"""Each foot bears at least this share of the weight."""
_ROUNDING = 1e-9
_SPANS = (0.1, 2 * np.pi)
"""How far servos turn [rad]: less or more are degrees where radians are meant, or the reverse."""
_MOST_SOLE_TILT, _MOST_SOLE_HEIGHT = 5.0, 5.0
"""How far a sole's site may be from the floor that the foot stands on, at home [deg] and [mm]."""
_FAR = 100.0
"""Beyond any distance from the floor [m]."""
_SETTLED = 2.0
"""For how long a robot stands before its servos' torques count [s]."""


def check_model(robot: Robot) -> list[Check]:
    """Check a robot's model, standing at home."""
    model, data = robot.model, mujoco.MjData(robot.model)
    data.qpos[:], data.ctrl[:] = robot.home_qpos, robot.home_ctrl
    mujoco.mj_forward(model, data)
    return [
        _masses(robot),
        _inertias(robot),
        _limits(robot),
        _ranges(robot),
        _soles(robot, data),
        _contacts(robot, data),
        _torques(robot, data),
    ]


def _masses(robot: Robot) -> Check:
    model = robot.model
    moving = [i for i in range(1, model.nbody) if model.body_rootid[i] == robot.root_body]
    light = [model.body(i).name for i in moving if model.body_subtreemass[i] <= 0]
    found = f"{robot.mass:.3f} kg in {len(moving)} bodies" + _listed("; no mass:", light)
    return Check("masses", not light and robot.mass > 0, found, "mass in and after each body")


def _inertias(robot: Robot) -> Check:
    """Principal inertias of a real body obey the triangle inequality."""
    model = robot.model
    bad = []
    for body in range(1, model.nbody):
        low, middle, high = np.sort(model.body_inertia[body])
        if low < 0 or high > (low + middle) * (1 + _ROUNDING):
            bad.append(model.body(body).name)
    found = _listed("impossible:", bad) or f"{model.nbody - 1} bodies, all possible"
    return Check("inertias", not bad, found, "positive, none above the sum of the others")


def _limits(robot: Robot) -> Check:
    angles = robot.home_qpos[robot.qpos_ids]
    margin = np.minimum(angles - robot.lower, robot.upper - angles)
    outside = [name for name, m in zip(robot.joint_names, margin, strict=True) if m < 0]
    tight = robot.joint_names[int(np.argmin(margin))]
    found = _listed("outside:", outside) or f"{margin.min():.3f} rad of margin at {tight}"
    return Check("joint limits", not outside, found, "home inside every range")


def _ranges(robot: Robot) -> Check:
    spans = robot.upper - robot.lower
    odd = {
        name: span
        for name, span in zip(robot.joint_names, spans, strict=True)
        if not _SPANS[0] <= span <= _SPANS[1] + _ROUNDING
    }
    found = ", ".join(f"{name} {span:.3g} rad" for name, span in odd.items())
    found = found or f"{spans.min():.2f} to {spans.max():.2f} rad"
    expected = f"{_SPANS[0]:g} rad to one turn each; mind <compiler angle=...>"
    return Check("joint ranges", not odd, found, expected)


def _soles(robot: Robot, data: mujoco.MjData) -> Check:
    """The soles' sites lie under the robot, each on its side, level on the floor."""
    feet = (robot.feet.left, robot.feet.right)
    places = np.array([data.sensordata[foot.position] for foot in feet])
    ups = np.array([data.sensordata[foot.up] for foot in feet])
    leftward = data.xmat[robot.root_body].reshape(3, 3)[:, 1]
    apart = 1000 * float((places[0] - places[1]) @ leftward)
    tilt = float(np.degrees(np.arccos(np.clip(ups[:, 2].min(), -1.0, 1.0))))
    height = 1000 * places[:, 2]
    found = f"left one {apart:.0f} mm to the left of the right one, tilted by {tilt:.1f} deg, "
    found += f"{height[0]:.1f} and {height[1]:.1f} mm above the floor"
    level = tilt <= _MOST_SOLE_TILT and np.abs(height).max() <= _MOST_SOLE_HEIGHT
    expected = f"each on its side, at most {_MOST_SOLE_TILT:g} deg and {_MOST_SOLE_HEIGHT:g} mm"
    return Check("soles at home", bool(apart > 0 and level), found, expected)


def _contacts(robot: Robot, data: mujoco.MjData) -> Check:
    feet = {"left": robot.feet.left, "right": robot.feet.right}
    loads = {
        side: float(sum(data.sensordata[place].sum() for place in foot.switches))
        for side, foot in feet.items()
    }
    shares = ", ".join(f"{side} {load / robot.weight:.0%}" for side, load in loads.items())
    found = f"{data.ncon} contacts; {shares} of the weight"
    total, least = sum(loads.values()) / robot.weight, min(loads.values()) / robot.weight
    passed = _LOADS[0] <= total <= _LOADS[1] and least >= _LEAST_LOAD
    if not passed:
        found += f"; {_over_floor(robot, data)}"
    expected = f"{_LOADS[0]:.0%} to {_LOADS[1]:.0%} in all, each {_LEAST_LOAD:.0%} or more"
    return Check("contact at home", bool(passed), found, expected)


def _over_floor(robot: Robot, data: mujoco.MjData) -> str:
    """Say how far above or in the floor the robot begins."""
    model = robot.model
    collides = (model.geom_contype | model.geom_conaffinity) != 0
    plane = model.geom_type == mujoco.mjtGeom.mjGEOM_PLANE
    floors = np.flatnonzero(collides & plane & (model.geom_bodyid == 0))
    own = np.flatnonzero(collides & (model.body_rootid[model.geom_bodyid] == robot.root_body))
    if not (len(floors) and len(own)):
        return "no floor that collides" if len(own) else "no geom of the robot collides"
    gap = min(
        mujoco.mj_geomDistance(model, data, floor, geom, _FAR, None)
        for floor in floors
        for geom in own
    )
    there = "above" if gap > 0 else "in"
    return f"{1000 * abs(gap):.1f} mm {there} the floor: move the keyframe's root by {-gap:.4f} m"


def _torques(robot: Robot, data: mujoco.MjData) -> Check:
    """What the servos give at first, and once the robot has settled, whichever is more.

    Where the targets are the pose's own angles they give nothing at first.
    """
    share = np.abs(data.actuator_force) / robot.torque_limit
    mujoco.mj_step(robot.model, data, nstep=round(_SETTLED / robot.model.opt.timestep))
    share = np.maximum(share, np.abs(data.actuator_force) / robot.torque_limit)
    worst = int(np.argmax(share))
    found = f"{share[worst]:.0%} of the limit at {robot.joint_names[worst]}"
    expected = f"at most {_TORQUE_SHARE:.0%}"
    return Check("servo torque at home", bool(share[worst] <= _TORQUE_SHARE), found, expected)


def _listed(label: str, names: list[str]) -> str:
    return f"{label} {', '.join(names)}" if names else ""
