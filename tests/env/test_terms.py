"""Every reward, termination and privileged term, on contexts whose answers are known by hand."""

from types import MappingProxyType
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from wildrobot_cli.env import privileged, rewards, terminations
from wildrobot_cli.env.context import StepContext


def context(**fields: Any) -> StepContext:
    """A robot of three joints that stands still as asked, but for the fields given."""
    standing: dict[str, Any] = {
        "command": np.zeros(3),
        "velocity": np.zeros(2),
        "vertical_velocity": 0.0,
        "angular_velocity": np.zeros(3),
        "up": np.array([0.0, 0.0, 1.0]),
        "height": 0.5,
        "heading": 0.0,
        "heading_error": 0.0,
        "joint_positions": np.zeros(3),
        "joint_velocities": np.zeros(3),
        "torque": np.zeros(3),
        "foot_positions": np.zeros((2, 3)),
        "foot_velocities": np.zeros((2, 3)),
        "foot_up": np.array([[0.0, 0.0, 1.0]] * 2),
        "foot_forces": np.array([0.5, 0.5]),
        "foot_swing": np.array([0.9, 0.4]),
        "swing_fraction": 0.4,
        "push": np.zeros(2),
        "latency": 0.0,
        "action": np.zeros(3),
        "last_action": np.zeros(3),
        "groups": MappingProxyType({"ends": np.array([0, 2])}),
    }
    values = {**standing, **fields}
    arrays = {
        name: value if name in ("groups", "swing_fraction") else jnp.asarray(value, float)
        for name, value in values.items()
    }
    return StepContext(**arrays)


SOLES = np.array([[0.0, 0.1, 0.02], [0.3, -0.1, 0.05]])
SPEEDS = np.array([[0.3, 0.4, -0.2], [1.0, 0.0, 0.5]])
MOVING = {"command": np.array([0.3, 0.0, 0.0])}

STRIDE = {"foot_swing": np.array([0.4, 0.9])}  # left touches down: 1; right -2/3


def lead(ahead: float) -> dict[str, list[list[float]]]:
    """Feet with the left one ahead along the world's x axis [m]."""
    return {"foot_positions": [[ahead, 0.0, 0.0], [0.0, 0.0, 0.0]]}


# The term, its parameters, what the robot does, the answer.
REWARDS = [
    ("alive", {}, {}, 1.0),
    ("alive", {}, {"height": 0.1, "up": [1.0, 0.0, 0.0]}, 1.0),
    ("track_velocity", {"sigma": 0.2}, {}, 1.0),
    ("track_velocity", {"sigma": 0.2}, {"command": [0.3, -0.1, 9.0], "velocity": [0.3, -0.1]}, 1.0),
    ("track_velocity", {"sigma": 0.2}, {**MOVING, "velocity": [0.1, 0.0]}, np.exp(-1.0)),
    ("track_velocity", {"sigma": 0.5}, {**MOVING, "velocity": [0.0, 0.4]}, np.exp(-1.0)),
    ("track_stride", {"sigma": 0.1, "reach": 0.2}, {**MOVING, **STRIDE, **lead(0.1)}, 1.0),
    ("track_stride", {"sigma": 0.1, "reach": 0.2}, {**MOVING, **STRIDE, **lead(0.0)}, np.exp(-1)),
    ("track_stride", {"sigma": 0.1, "reach": 0.2}, {**STRIDE, **lead(0.1)}, np.exp(-1)),
    ("foot_gap_l2", {"least": 0.1}, {"foot_positions": [[0, 0.02, 0], [0.3, -0.02, 0]]}, 0.0036),
    ("foot_gap_l2", {"least": 0.1}, {"foot_positions": [[0, -0.02, 0], [0, 0.02, 0]]}, 0.0196),
    ("foot_gap_l2", {"least": 0.1}, {"foot_positions": SOLES}, 0.0),
    ("foot_gap_l2", {"least": 0.1}, {"heading": np.pi / 2, **lead(-0.04)}, 0.0036),
    ("track_yaw_rate", {"sigma": 0.5}, {"angular_velocity": [5.0, 5.0, 0.0]}, 1.0),
    ("track_yaw_rate", {"sigma": 0.5}, {"command": [0, 0, 0.4]}, np.exp(-0.64)),
    ("track_yaw_rate", {"sigma": 0.5}, {"angular_velocity": [0, 0, -1.0]}, np.exp(-4.0)),
    ("track_heading", {"sigma": 0.2}, {"heading": 2.0}, 1.0),
    ("track_heading", {"sigma": 0.2}, {"heading_error": -0.1}, np.exp(-0.25)),
    ("face_heading", {}, {"heading": 2.0}, 1.0),
    ("face_heading", {}, {"heading_error": np.pi / 2}, 0.0),
    ("face_heading", {}, {"heading_error": -3.0}, np.cos(3.0)),
    ("track_foot_height", {"sigma": 0.03, "height": 0.06}, {}, 1.0),
    (
        "track_foot_height",
        {"sigma": 0.03, "height": 0.06},
        {**MOVING, "foot_swing": [0.2, 0.7], "foot_positions": [[0, 0, 0.03], [0, 0, 0.0]]},
        np.exp(-1.0),
    ),
    (
        "track_foot_height",
        {"sigma": 0.03, "height": 0.06},
        {**MOVING, "foot_swing": [0.6, 0.1], "foot_positions": [[0, 0, 0.0], [0, 0, 0.03]]},
        1.0,
    ),
    ("tilt_l2", {}, {}, 0.0),
    ("tilt_l2", {}, {"up": [0.3, -0.4, 0.866]}, 0.25),
    ("tilt_rate_l2", {}, {"angular_velocity": [1.0, -2.0, 7.0]}, 5.0),
    ("vertical_velocity_l2", {}, {"vertical_velocity": -0.3}, 0.09),
    ("action_rate_l2", {}, {"action": [1, 0, 0], "last_action": [0.5, 0, 1]}, 1.25),
    ("joint_deviation_l2", {"group": "ends"}, {"joint_positions": [0.1, 9.0, -0.2]}, 0.05),
    ("torque_l2", {}, {"torque": [1.0, -2.0, 3.0]}, 14.0),
    ("joint_speed_l2", {"above": 5.0}, {"joint_velocities": [4.9, -5.0, 0.0]}, 0.0),
    ("joint_speed_l2", {"above": 5.0}, {"joint_velocities": [6.0, -7.0, 1.0]}, 5.0),
    ("foot_slip_l2", {}, {"foot_velocities": SPEEDS}, 1.25),
    ("foot_slip_l2", {}, {"foot_velocities": SPEEDS, "foot_forces": [0.06, 0.04]}, 0.25),
    ("foot_slip_l2", {}, {"foot_velocities": [[0, 0, 3.0], [0, 0, -3.0]]}, 0.0),
    ("foot_tilt_l2", {}, {"foot_up": [[0.1, 0.2, 0.97], [0.0, 0.0, 1.0]]}, 0.05),
    ("touchdown_l2", {"below": 0.03}, {"foot_positions": SOLES, "foot_velocities": SPEEDS}, 0.04),
    ("touchdown_l2", {"below": 0.06}, {"foot_positions": SOLES, "foot_velocities": SPEEDS}, 0.04),
    ("touchdown_l2", {"below": 0.03}, {"foot_positions": SOLES, "foot_velocities": -SPEEDS}, 0.0),
]

TERMINATIONS = [
    ("tilted", {"limit": 0.8}, {}, False),
    ("tilted", {"limit": 0.8}, {"up": [0.0, np.sin(0.79), np.cos(0.79)]}, False),
    ("tilted", {"limit": 0.8}, {"up": [np.sin(0.81), 0.0, np.cos(0.81)]}, True),
    ("tilted", {"limit": 0.8}, {"up": [0.0, 0.0, -1.0]}, True),
    ("too_low", {"limit": 0.3}, {"height": 0.301}, False),
    ("too_low", {"limit": 0.3}, {"height": 0.299}, True),
]

PRIVILEGED = [
    ("root_velocity", {"velocity": [0.1, 0.2], "vertical_velocity": 0.3}, [0.1, 0.2, 0.3]),
    ("root_height", {"height": 0.45}, [0.45]),
    ("foot_heights", {"foot_positions": SOLES}, [0.02, 0.05]),
    ("foot_forces", {"foot_forces": [1.2, 0.0]}, [1.2, 0.0]),
    ("push", {"push": [0.3, -0.1]}, [0.3, -0.1]),
    ("latency", {"latency": 0.02}, [0.02]),
]


@pytest.mark.parametrize(("name", "parameters", "fields", "expected"), REWARDS)
def test_reward_by_hand(name, parameters, fields, expected):
    value = rewards.TERMS[name](context(**fields), **parameters)
    assert value.shape == ()
    assert value == pytest.approx(expected, rel=1e-5, abs=1e-7)


@pytest.mark.parametrize(("name", "parameters", "fields", "expected"), TERMINATIONS)
def test_termination_by_hand(name, parameters, fields, expected):
    value = terminations.TERMS[name](context(**fields), **parameters)
    assert (value.shape, value.dtype, bool(value)) == ((), jnp.bool_, expected)


@pytest.mark.parametrize(("name", "fields", "expected"), PRIVILEGED)
def test_privileged_by_hand(name, fields, expected):
    value = privileged.TERMS[name](context(**fields))
    np.testing.assert_allclose(value, expected, rtol=1e-6)
    assert value.shape == (len(expected),)


@pytest.mark.parametrize(
    ("module", "cases"),
    [(rewards, REWARDS), (terminations, TERMINATIONS), (privileged, PRIVILEGED)],
)
def test_every_term_has_a_case(module, cases):
    assert {case[0] for case in cases} == set(module.TERMS)


def test_robot_that_is_asked_to_stand_keeps_its_feet_down_whatever_the_clock_says():
    lifted = {"foot_swing": [0.2, 0.7], "foot_positions": [[0, 0, 0.06], [0, 0, 0.0]]}
    term = rewards.TERMS["track_foot_height"]
    parameters = {"sigma": 0.06, "height": 0.06}
    assert term(context(**lifted), **parameters) == pytest.approx(np.exp(-1.0))
    assert term(context(**lifted, **MOVING), **parameters) == pytest.approx(1.0)


@pytest.mark.parametrize("command", [[0.3, 0, 0], [0, -0.1, 0], [0, 0, 0.5], [0.1, -0.1, 0]])
def test_any_command_but_zero_asks_for_steps(command):
    stepping = {"foot_swing": [0.2, 0.7], "foot_positions": [[0, 0, 0.06], [0, 0, 0.0]]}
    term = rewards.TERMS["track_foot_height"]
    value = term(context(command=command, **stepping), sigma=0.06, height=0.06)
    assert value == pytest.approx(1.0)
