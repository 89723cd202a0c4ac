"""The health of a robot's model: masses, inertias, servos, contacts and limits at the home pose."""

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


def check_model(robot: Robot) -> list[Check]:
    """Check a robot's model, standing at home."""
    model, data = robot.model, mujoco.MjData(robot.model)
    data.qpos[:], data.ctrl[:] = robot.home_qpos, robot.home_ctrl
    mujoco.mj_forward(model, data)
    return [
        _masses(robot),
        _inertias(robot),
        _limits(robot),
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
    expected = f"{_LOADS[0]:.0%} to {_LOADS[1]:.0%} in all, each {_LEAST_LOAD:.0%} or more"
    return Check("contact at home", bool(passed), found, expected)


def _torques(robot: Robot, data: mujoco.MjData) -> Check:
    share = np.abs(data.actuator_force) / robot.torque_limit
    worst = int(np.argmax(share))
    found = f"{share[worst]:.0%} of the limit at {robot.joint_names[worst]}"
    expected = f"at most {_TORQUE_SHARE:.0%}"
    return Check("servo torque at home", bool(share[worst] <= _TORQUE_SHARE), found, expected)


def _listed(label: str, names: list[str]) -> str:
    return f"{label} {', '.join(names)}" if names else ""
