"""Scenario figures of trajectories whose answers are known by hand."""

import json
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from wildrobot_cli.evaluation.metrics import (
    ServoLimits,
    heading_drift,
    lateral_drift,
    path_distance,
    progress,
    scenario_metrics,
    tracking_errors,
    wilson_interval,
)
from wildrobot_cli.evaluation.trajectory import Trajectory

DT = 0.02
WEIGHT = 40.0
LIMITS = ServoLimits(torque_limit=np.array([4.0, 2.0]), no_load_speed=5.8, copper_loss=0.5)
KEYS = [
    *["episodes", "successes", "success_rate", "success_ci95", "falls", "distance_m"],
    *["velocity_error_mps", "yaw_rate_error_rps", "heading_drift_deg", "lateral_drift_m"],
    *["torque_rms_nm", "torque_peak_nm", "torque_saturation", "overspeed", "joint_speed_p99_rps"],
    *["power_w", "cost_of_transport", "duty_factor", "double_support", "flight"],
    *["swing_clearance_m", "foot_slip_mps", "symmetry_pct", "alternation"],
]


def still(steps: int = 501, episodes: int = 1, joints: int = 2, **fields: object) -> Trajectory:
    """Trajectory of a robot that stands, but for the fields given."""
    shape = (steps, episodes)
    arguments: dict[str, Any] = {
        "dt": DT,
        "weight": WEIGHT,
        "gait_period": 0.5,
        "position": np.zeros((*shape, 3)),
        "heading": np.zeros(shape),
        "velocity": np.zeros((*shape, 2)),
        "yaw_rate": np.zeros(shape),
        "command": np.zeros((*shape, 3)),
        "joint_pos": np.zeros((*shape, joints)),
        "joint_vel": np.zeros((*shape, joints)),
        "torque": np.zeros((*shape, joints)),
        "foot_force": np.full((*shape, 2), WEIGHT / 2),
        "foot_position": np.zeros((*shape, 2, 3)),
        "foot_velocity": np.zeros((*shape, 2, 3)),
        "alive": np.ones(shape, dtype=np.bool_),
        "fell": np.zeros(episodes, dtype=np.bool_),
    }
    arguments.update(fields)
    return Trajectory(**arguments)


def moving(
    velocity: tuple[float, float, float],
    command: tuple[float, float, float],
    heading: float = 0.0,
    steps: int = 501,
) -> Trajectory:
    """One episode at constant velocity in the heading frame, from a heading; 10 s by default."""
    time_ = DT * np.arange(steps)
    yaw = heading + velocity[2] * time_
    middle = (yaw[1:] + yaw[:-1]) / 2
    forward, left = velocity[:2]
    world = np.stack(
        [
            np.cos(middle) * forward - np.sin(middle) * left,
            np.sin(middle) * forward + np.cos(middle) * left,
        ],
        axis=-1,
    )
    position = np.zeros((steps, 1, 3))
    position[1:, 0, :2] = np.cumsum(world * DT, axis=0)
    return still(
        steps,
        position=position,
        heading=np.angle(np.exp(1j * yaw))[:, None],
        velocity=np.broadcast_to(velocity[:2], (steps, 1, 2)),
        yaw_rate=np.full((steps, 1), velocity[2]),
        command=np.broadcast_to(command, (steps, 1, 3)),
    )


def fallen(trajectory: Trajectory, at: int) -> Trajectory:
    """Return the same episodes, all fallen at a step, with rubbish from there on."""
    alive = trajectory.alive.copy()
    alive[at:] = False
    names = ("position", "heading", "velocity", "joint_vel", "torque", "foot_force")
    rubbish = {name: getattr(trajectory, name).copy() for name in names}
    for value in rubbish.values():
        value[at:] = np.nan
    fell = np.ones(trajectory.episodes, dtype=np.bool_)
    return replace(trajectory, alive=alive, fell=fell, **rubbish)


def side_by_side(*parts: Trajectory) -> Trajectory:
    """Join trajectories of the same length as episodes of one."""
    names = [name for name, value in vars(parts[0]).items() if isinstance(value, np.ndarray)]
    joined: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts], axis=int(name != "fell"))
        for name in names
    }
    return replace(parts[0], **joined)


def wild(seed: int, steps: int = 300, episodes: int = 4) -> Trajectory:
    """Random trajectory; the first episode falls, others may."""
    rng = np.random.default_rng(seed)
    shape = (steps, episodes)
    end = rng.integers(steps // 2, 2 * steps, episodes)
    end[0] = steps - 50
    alive = np.arange(steps)[:, None] < end
    command = rng.normal(size=(3, episodes, 3)).repeat(steps // 3, axis=0)
    return still(
        steps,
        episodes,
        position=np.cumsum(rng.normal(size=(*shape, 3)), axis=0) * DT,
        heading=np.cumsum(rng.normal(size=shape), axis=0) * 0.1,
        velocity=rng.normal(size=(*shape, 2)),
        yaw_rate=rng.normal(size=shape),
        command=command,
        joint_vel=rng.normal(size=(*shape, 2)) * 3,
        torque=rng.normal(size=(*shape, 2)),
        foot_force=np.maximum(rng.normal(size=(steps // 5, episodes, 2)), 0).repeat(5, axis=0) * 40,
        foot_position=rng.normal(size=(*shape, 2, 3)),
        foot_velocity=rng.normal(size=(*shape, 2, 3)),
        alive=alive,
        fell=~alive[-1],
    )


def mirrored(trajectory: Trajectory) -> Trajectory:
    """Return the same motion seen in a mirror; the two joints are a left and a right one."""
    flip = np.array([1.0, -1.0, 1.0])
    return replace(
        trajectory,
        position=trajectory.position * flip,
        heading=-trajectory.heading,
        velocity=trajectory.velocity * flip[:2],
        yaw_rate=-trajectory.yaw_rate,
        command=trajectory.command * [1.0, -1.0, -1.0],
        joint_vel=trajectory.joint_vel[..., ::-1],
        torque=trajectory.torque[..., ::-1],
        foot_force=trajectory.foot_force[..., ::-1],
        foot_position=trajectory.foot_position[..., ::-1, :] * flip,
        foot_velocity=trajectory.foot_velocity[..., ::-1, :] * flip,
    )


def turned(trajectory: Trajectory, yaw: float) -> Trajectory:
    """Return the same motion in a world turned by `yaw` [rad]."""
    cos, sin = np.cos(yaw), np.sin(yaw)
    turn = np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]]).T
    return replace(
        trajectory,
        position=trajectory.position @ turn,
        heading=np.angle(np.exp(1j * (trajectory.heading + yaw))),
        foot_position=trajectory.foot_position @ turn,
        foot_velocity=trajectory.foot_velocity @ turn,
    )


def flat(metrics: dict[str, Any]) -> list[Any]:
    """All figures of the metrics in a list."""
    figures: list[Any] = []
    for value in metrics.values():
        nested = value.values() if isinstance(value, dict) else value
        figures.extend(nested if isinstance(value, dict | list) else [value])
    return figures


@pytest.mark.parametrize(
    ("successes", "episodes", "expected"),
    [
        (0, 0, (0.0, 1.0)),
        (0, 10, (0.0, 0.2775328)),
        (10, 10, (0.7224672, 1.0)),
        (5, 10, (0.2365931, 0.7634069)),
        (63, 64, (0.9166590, 0.9972365)),
        (1, 1, (0.2065493, 1.0)),
    ],
)
def test_wilson_interval_known_values(
    successes: int, episodes: int, expected: tuple[float, float]
) -> None:
    assert wilson_interval(successes, episodes) == pytest.approx(expected, abs=1e-7)


def test_keys_are_the_contract() -> None:
    metrics = scenario_metrics(moving((0.3, 0.0, 0.0), (0.3, 0.0, 0.0)), LIMITS)
    assert sorted(metrics) == sorted(KEYS)
    assert set(metrics["torque_rms_nm"]) == {"mean", "worst"}
    for name in ("duty_factor", "swing_clearance_m"):
        assert set(metrics[name]) == {"left", "right"}


def test_perfect_tracking_has_no_error_and_no_drift() -> None:
    command = (0.3, -0.1, 0.4)
    metrics = scenario_metrics(moving(command, command, heading=3.0), LIMITS)
    assert metrics["success_rate"] == 1.0
    assert metrics["distance_m"] == pytest.approx(10 * np.hypot(0.3, 0.1))
    for name in ("velocity_error_mps", "yaw_rate_error_rps", "heading_drift_deg"):
        assert metrics[name] == pytest.approx(0.0, abs=1e-9)
    assert metrics["lateral_drift_m"] == pytest.approx(0.0, abs=1e-9)


def test_constant_error_by_hand() -> None:
    metrics = scenario_metrics(moving((0.3, 0.04, 0.0), (0.33, 0.0, 0.2)), LIMITS)
    assert metrics["velocity_error_mps"] == pytest.approx(0.05)
    assert metrics["yaw_rate_error_rps"] == pytest.approx(0.2)
    assert metrics["heading_drift_deg"] == pytest.approx(np.degrees(2.0))


@pytest.mark.parametrize("heading", [0.0, 1.0, np.pi])
def test_sideways_drift_is_lateral_and_lag_is_not(heading: float) -> None:
    trajectory = moving((0.2, 0.05, 0.0), (0.3, 0.0, 0.0), heading=heading)
    assert progress(trajectory) == pytest.approx([2.0])
    assert lateral_drift(trajectory) == pytest.approx(0.5)


def test_overshoot_and_backing_off_are_not_lateral_drift() -> None:
    assert lateral_drift(moving((0.5, 0.0, 0.0), (0.3, 0.0, 0.0))) == pytest.approx(0.0)
    backward = moving((-0.1, 0.0, 0.0), (0.3, 0.0, 0.0))
    assert lateral_drift(backward) == pytest.approx(0.0)
    assert progress(backward) == pytest.approx([-1.0])


def test_drift_under_a_command_to_stand_is_the_whole_way() -> None:
    trajectory = moving((0.03, 0.04, 0.0), (0.0, 0.0, 0.0))
    assert lateral_drift(trajectory) == pytest.approx(0.5)
    assert progress(trajectory) == pytest.approx([0.0])


def test_walking_in_circles_is_no_progress_on_a_straight_command() -> None:
    circle = moving((0.3, 0.0, 2 * np.pi / 10), (0.3, 0.0, 0.0))
    assert progress(circle) == pytest.approx([0.0], abs=1e-9)
    assert heading_drift(circle) == pytest.approx(360.0)


def test_heading_drift_survives_wrapping() -> None:
    spinning = moving((0.0, 0.0, 3.0), (0.0, 0.0, 3.1), heading=-2.0)
    assert heading_drift(spinning) == pytest.approx(np.degrees(1.0))


def test_path_distance_by_hand() -> None:
    corner = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 1.0]])[:, None]
    for point, expected in [
        ((0.5, 0.2), 0.2),
        ((-3.0, 0.2), 0.2),
        ((1.3, 9.0), 0.3),
        ((1.3, -0.4), 0.5),
    ]:
        assert path_distance(corner, np.array([point])) == pytest.approx([expected])
    assert path_distance(corner[:1], np.array([[3.0, 4.0]])) == pytest.approx([5.0])


def test_sway_within_a_gait_cycle_is_no_velocity_error() -> None:
    trajectory = moving((0.3, 0.0, 0.0), (0.3, 0.0, 0.0))
    sway = np.sin(2 * np.pi * np.arange(501) * DT / 0.5)
    velocity = trajectory.velocity + sway[:, None, None]
    swaying = replace(trajectory, velocity=velocity, yaw_rate=sway[:, None])
    assert tracking_errors(swaying) == pytest.approx((0.0, 0.0), abs=1e-9)


def test_window_without_a_gait_period_is_one_second() -> None:
    trajectory = moving((0.3, 0.0, 0.0), (0.3, 0.0, 0.0))
    for cycle, silent in [(1.0, True), (2.0, False)]:
        sway = np.sin(2 * np.pi * np.arange(501) * DT / cycle)[:, None, None]
        swaying = replace(trajectory, gait_period=None, velocity=trajectory.velocity + sway)
        error = tracking_errors(swaying)[0]
        assert error is not None
        assert (error < 1e-9) == silent


def test_velocity_error_leaves_out_start_up_and_windows_across_a_new_command() -> None:
    trajectory = moving((0.3, 0.0, 0.0), (0.3, 0.0, 0.0))
    command, velocity = trajectory.command.copy(), trajectory.velocity.copy()
    velocity[:100] = 9.0
    command[300:], velocity[300:] = (0.1, 0.0, 0.5), (0.1, 0.0)
    yaw_rate = np.where(np.arange(501) < 300, 0.0, 0.5)[:, None]
    changed = replace(trajectory, command=command, velocity=velocity, yaw_rate=yaw_rate)
    assert tracking_errors(changed) == pytest.approx((0.0, 0.0), abs=1e-9)


def test_velocity_error_counts_the_response_to_a_new_command() -> None:
    command = np.zeros((501, 1, 3))
    command[300:, :, 0] = 0.5
    slow = still(command=command)
    before, after = 200 - 24, 201 - 24
    expected = 0.5 * after / (before + after)
    assert tracking_errors(slow)[0] == pytest.approx(expected)


def test_velocity_error_follows_a_ramp() -> None:
    trajectory = moving((0.3, 0.0, 0.0), (0.3, 0.0, 0.0))
    command = trajectory.command.copy()
    command[..., 0] = np.linspace(0.0, 0.5, 501)[:, None]
    velocity = command[..., :2] - [0.02, 0.0]
    error = tracking_errors(replace(trajectory, command=command, velocity=velocity))
    assert error[0] == pytest.approx(0.02)


def test_actuation_by_hand() -> None:
    torque = np.zeros((500, 1, 2))
    speed = np.zeros((500, 1, 2))
    torque[:250, :, 0], torque[250:, :, 0] = 3.92, -3.0
    torque[:, :, 1] = 1.0
    speed[:250, :, 0], speed[250:, :, 0] = 2.0, 6.0
    speed[:, :, 1] = -1.0
    metrics = scenario_metrics(still(500, torque=torque, joint_vel=speed), LIMITS)
    worst = np.sqrt((3.92**2 + 3.0**2) / 2)
    assert metrics["torque_rms_nm"] == pytest.approx({"mean": (worst + 1) / 2, "worst": worst})
    assert metrics["torque_peak_nm"] == pytest.approx(3.92)
    assert metrics["torque_saturation"] == 0.25
    assert metrics["overspeed"] == 0.25
    assert metrics["joint_speed_p99_rps"] == 6.0
    copper = 0.5 * ((3.92**2 + 3.0**2) / 2 + 1.0)
    assert metrics["power_w"] == pytest.approx(3.92 * 2.0 / 2 + copper)


def test_saturation_is_against_each_joints_own_limit() -> None:
    torque = np.broadcast_to([3.0, -3.0], (500, 1, 2))
    assert scenario_metrics(still(500, torque=torque), LIMITS)["torque_saturation"] == 0.5


def test_cost_of_transport_is_power_over_weight_and_speed() -> None:
    walking = moving((0.25, 0.0, 0.0), (0.25, 0.0, 0.0))
    torque = np.broadcast_to([2.0, 0.0], (501, 1, 2))
    metrics = scenario_metrics(replace(walking, torque=torque), LIMITS)
    assert metrics["power_w"] == pytest.approx(2.0)
    assert metrics["cost_of_transport"] == pytest.approx(2.0 / (WEIGHT * 0.25))


def test_cost_of_transport_of_standing_is_none() -> None:
    torque = np.ones((501, 1, 2))
    assert scenario_metrics(still(torque=torque), LIMITS)["cost_of_transport"] is None


def test_falls_are_counted_and_their_progress_kept() -> None:
    walking = moving((0.3, 0.0, 0.0), (0.3, 0.0, 0.0))
    metrics = scenario_metrics(side_by_side(walking, fallen(walking, at=251)), LIMITS)
    assert (metrics["episodes"], metrics["successes"], metrics["falls"]) == (2, 1, 1)
    assert metrics["success_ci95"] == pytest.approx([0.0945312, 0.9054688], abs=1e-7)
    assert metrics["distance_m"] == pytest.approx((3.0 + 1.5) / 2)
    assert metrics["velocity_error_mps"] == pytest.approx(0.0, abs=1e-9)


def test_drifts_are_of_episodes_that_lasted() -> None:
    straight = moving((0.3, 0.0, 0.0), (0.3, 0.0, 0.0))
    stray = moving((0.3, 0.3, 0.5), (0.3, 0.0, 0.0))
    metrics = scenario_metrics(side_by_side(straight, fallen(stray, at=400)), LIMITS)
    assert metrics["heading_drift_deg"] == pytest.approx(0.0, abs=1e-9)
    assert metrics["lateral_drift_m"] == pytest.approx(0.0, abs=1e-9)


def test_episode_that_ended_early_without_a_fall_lasted() -> None:
    walking = moving((0.3, 0.1, 0.0), (0.3, 0.0, 0.0))
    early = replace(fallen(walking, at=251), fell=np.array([False]))
    metrics = scenario_metrics(early, LIMITS)
    assert (metrics["successes"], metrics["falls"]) == (1, 0)
    assert metrics["lateral_drift_m"] == pytest.approx(0.5)


@pytest.mark.parametrize(("distance", "successes"), [(None, 2), (2.9, 1), (3.1, 0)])
def test_success_can_take_a_distance(distance: float | None, successes: int) -> None:
    near = moving((0.1, 0.0, 0.0), (0.3, 0.0, 0.0))
    far = moving((0.3, 0.0, 0.0), (0.3, 0.0, 0.0))
    metrics = scenario_metrics(side_by_side(near, far), LIMITS, min_distance=distance)
    assert metrics["successes"] == successes


def test_episode_ends_as_a_fall_at_its_first_sample_that_is_not_finite() -> None:
    walking = moving((0.3, 0.0, 0.0), (0.3, 0.0, 0.0))
    torque = walking.torque.copy()
    torque[200, 0, 1] = np.inf
    diverged = replace(walking, torque=torque)
    assert diverged.alive.sum() == 200
    assert diverged.fell.tolist() == [True]
    assert flat(scenario_metrics(diverged, LIMITS)) == flat(
        scenario_metrics(fallen(walking, at=200), LIMITS)
    )


@pytest.mark.parametrize(
    "trajectory",
    [
        still(0, 0),
        still(0, 3),
        still(300, 0),
        still(1, 2),
        still(2, 2),
        still(100, 2),
        still(102, 1),
        still(300, 2),
        still(300, 1, joints=0),
        fallen(still(300, 3), at=0),
        fallen(still(300, 3), at=1),
        fallen(moving((0.3, 0.0, 0.1), (0.3, 0.0, 0.0)), at=101),
        still(300, torque=np.full((300, 1, 2), 1e200), velocity=np.full((300, 1, 2), 1e308)),
    ],
)
@pytest.mark.filterwarnings("error")
def test_every_figure_is_finite_or_none(trajectory: Trajectory) -> None:
    limits = replace(LIMITS, torque_limit=np.full(trajectory.joints, 4.0))
    metrics = scenario_metrics(trajectory, limits)
    json.dumps(metrics, allow_nan=False)
    assert sorted(metrics) == sorted(KEYS)


def test_all_fallen_at_once_has_no_figures_but_the_count() -> None:
    metrics = scenario_metrics(fallen(still(300, 3), at=0), LIMITS)
    assert (metrics["episodes"], metrics["successes"], metrics["falls"]) == (3, 0, 3)
    assert metrics["distance_m"] == 0.0
    counted = ("episodes", "successes", "success_rate", "success_ci95", "falls", "distance_m")
    assert set(flat({k: v for k, v in metrics.items() if k not in counted})) == {None}


@pytest.mark.parametrize("seed", range(5))
def test_mirror_swaps_left_and_right_and_changes_nothing_else(seed: int) -> None:
    metrics = scenario_metrics(wild(seed), LIMITS)
    limits = replace(LIMITS, torque_limit=LIMITS.torque_limit[::-1])
    mirror = scenario_metrics(mirrored(wild(seed)), limits)
    for name in ("duty_factor", "swing_clearance_m"):
        metrics[name] = {"left": metrics[name]["right"], "right": metrics[name]["left"]}
    assert flat(mirror) == pytest.approx(flat(metrics))


@pytest.mark.parametrize("seed", range(5))
def test_constant_world_yaw_changes_nothing(seed: int) -> None:
    expected = flat(scenario_metrics(wild(seed), LIMITS))
    assert flat(scenario_metrics(turned(wild(seed), 2.3), LIMITS)) == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(5))
def test_samples_after_a_fall_change_nothing(seed: int) -> None:
    trajectory = wild(seed)
    dead = ~trajectory.alive
    assert dead[:, 0].any()
    names = [k for k, v in vars(trajectory).items() if isinstance(v, np.ndarray) and v.ndim > 1]
    spoiled = {name: getattr(trajectory, name).copy() for name in names if name != "alive"}
    for value in spoiled.values():
        value[dead] = 1e6
    again = scenario_metrics(replace(trajectory, **spoiled), LIMITS)
    assert again == scenario_metrics(trajectory, LIMITS)


def test_metrics_change_nothing_in_the_trajectory() -> None:
    trajectory = wild(0)
    before = {k: v.copy() for k, v in vars(trajectory).items() if isinstance(v, np.ndarray)}
    scenario_metrics(trajectory, LIMITS)
    for name, value in before.items():
        np.testing.assert_array_equal(getattr(trajectory, name), value)


def test_64_episodes_of_1000_steps_take_less_than_300_ms() -> None:
    limits = replace(LIMITS, torque_limit=np.full(11, 4.0))
    shape = (1000, 64, 11)
    speed = np.random.default_rng(0).normal(size=shape)
    trajectory = still(1000, 64, 11, joint_vel=speed, torque=speed[::-1])
    taken = []
    for _ in range(3):
        start = time.perf_counter()
        scenario_metrics(trajectory, limits)
        taken.append(time.perf_counter() - start)
    assert min(taken) < 0.3


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"torque": np.zeros((9, 1, 3))}, r"torque: expected shape \(9, 1, 2\), got \(9, 1, 3\)"),
        ({"joint_vel": np.zeros((9, 1))}, r"joint_pos: expected shape \(9, 1, n\), got"),
        ({"heading": np.zeros((9, 2))}, r"heading: expected shape \(9, 1\), got \(9, 2\)"),
        ({"alive": np.ones(9)}, r"alive: expected shape \(T, N\), got \(9,\)"),
        ({"fell": np.zeros(2)}, r"fell: expected shape \(1\), got \(2,\)"),
        ({"fell": np.ones(1)}, "fell: episode 0 fell, but is alive at its end"),
        ({"alive": np.eye(9)[:, 4:5]}, "alive: episode 0 runs again after its end"),
        ({"dt": 0.0}, "dt: expected a positive number, got 0.0"),
        ({"gait_period": np.inf}, "gait_period: expected a positive number, got inf"),
        ({"weight": np.nan}, "weight: expected a positive number, got nan"),
    ],
)
def test_trajectory_names_the_field_that_does_not_fit(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^Trajectory.{message}"):
        still(9, **fields)


def test_limits_must_be_of_the_robot() -> None:
    with pytest.raises(ValueError, match="expected 3 joints, got 2"):
        scenario_metrics(still(joints=3), LIMITS)
    with pytest.raises(ValueError, match=r"expected shape \(n,\), got \(\)"):
        ServoLimits(torque_limit=np.array(4.0), no_load_speed=5.8, copper_loss=0.5)
