"""Scenario figures of trajectories whose answers are known by hand."""

from dataclasses import replace

import numpy as np
import pytest
from trajectories import (
    DT,
    KEYS,
    LIMITS,
    WEIGHT,
    fallen,
    flat,
    moving,
    side_by_side,
    still,
)

from wildrobot_cli.evaluation.metrics import (
    heading_drift,
    lateral_drift,
    path_distance,
    progress,
    scenario_metrics,
    tracking_errors,
    wilson_interval,
)


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
    motor = torque + 0.1 * speed
    metrics = scenario_metrics(
        still(500, torque=torque, motor_torque=motor, joint_vel=speed), LIMITS
    )
    worst = np.sqrt((3.92**2 + 3.0**2) / 2)
    assert metrics["torque_rms_nm"] == pytest.approx({"mean": (worst + 1) / 2, "worst": worst})
    assert metrics["torque_peak_nm"] == pytest.approx(3.92)
    assert metrics["torque_saturation"] == 0.25
    assert metrics["motor_saturation"] == 0.25
    assert metrics["overspeed"] == 0.25
    assert metrics["joint_speed_p99_rps"] == 6.0
    copper = 0.5 * ((3.92**2 + 3.0**2) / 2 + 1.0)
    assert metrics["power_w"] == pytest.approx(3.92 * 2.0 / 2 + copper)


def test_torque_beyond_the_speed_torque_line_is_counted_where_it_drives() -> None:
    speed = np.broadcast_to([2.9, 2.9], (500, 1, 2))  # half of the no-load speed
    for torque, share in [((2.0, 1.0), 0.0), ((2.1, 1.0), 0.5), ((2.1, 1.1), 1.0)]:
        held = still(500, torque=np.broadcast_to(torque, (500, 1, 2)), joint_vel=speed)
        assert scenario_metrics(held, LIMITS)["overtorque"] == share
        braking = replace(held, joint_vel=-speed)
        assert scenario_metrics(braking, LIMITS)["overtorque"] == 0.0


def test_beyond_the_no_load_speed_no_torque_may_drive() -> None:
    speed = np.broadcast_to([-6.0, 0.0], (500, 1, 2))
    torque = np.broadcast_to([-0.2, 0.0], (500, 1, 2))
    assert scenario_metrics(still(500, torque=torque, joint_vel=speed), LIMITS)["overtorque"] == 0.5


def test_saturation_is_against_each_joints_own_limit() -> None:
    torque = np.broadcast_to([3.0, -3.0], (500, 1, 2))
    assert scenario_metrics(still(500, torque=torque), LIMITS)["torque_saturation"] == 0.5


def test_a_motor_at_its_limit_is_saturated_however_little_reaches_the_shaft() -> None:
    motor, shaft = (np.broadcast_to([torque, 0.0], (500, 1, 2)) for torque in (4.0, 2.6))
    held = still(500, torque=shaft, motor_torque=motor)
    metrics = scenario_metrics(held, LIMITS)
    assert (metrics["motor_saturation"], metrics["torque_saturation"]) == (0.5, 0.0)


def test_saturation_is_against_the_limit_that_an_episode_drew() -> None:
    torque = np.broadcast_to([3.0, 1.0], (500, 2, 2))
    drawn = still(
        500,
        episodes=2,
        torque=torque,
        motor_torque=torque,
        torque_limit=[[3.0, 2.0], [4.0, 1.0]],
    )
    assert scenario_metrics(drawn, LIMITS)["torque_saturation"] == 0.5
    second = scenario_metrics(drawn.only(slice(0, 1)), LIMITS)
    assert second["torque_saturation"] == 0.5
    speed = np.broadcast_to([2.9, 0.0], (500, 2, 2))
    assert scenario_metrics(replace(drawn, joint_vel=speed), LIMITS)["overtorque"] == 0.5
    with pytest.raises(ValueError, match="torque_limit"):
        still(500, episodes=2, torque_limit=[[4.0, 2.0]])


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


def test_falls_have_their_time_and_their_cause() -> None:
    walking = moving((0.3, 0.0, 0.0), (0.3, 0.0, 0.0))
    parts = [
        replace(fallen(walking, at=at), cause=np.array([cause]))
        for at, cause in [(199, "tilted"), (99, "too_low"), (49, "tilted")]
    ]
    metrics = scenario_metrics(side_by_side(walking, *parts), LIMITS)
    assert metrics["fall_causes"] == {
        "tilted": pytest.approx([1.0, 4.0]),  # the first sample is one control period in
        "too_low": pytest.approx([2.0]),
    }
    assert list(metrics["fall_causes"]) == ["tilted", "too_low"]


def test_some_of_the_episodes_are_those_episodes() -> None:
    slow, fast = (moving((speed, 0.0, 0.0), (0.3, 0.0, 0.0)) for speed in (0.1, 0.3))
    both = side_by_side(slow, fallen(fast, at=251))
    alone = scenario_metrics(both.only(slice(1, 2)), LIMITS)
    assert alone == scenario_metrics(fallen(fast, at=251), LIMITS)
    assert both.only(slice(0, 1)).torque.base is None, "the others' samples are held as well"


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
    assert diverged.cause is not None
    assert diverged.cause.tolist() == ["simulation"]
    assert flat(scenario_metrics(diverged, LIMITS)) == flat(
        scenario_metrics(fallen(walking, at=200), LIMITS)
    )
