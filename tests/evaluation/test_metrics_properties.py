"""What holds for the scenario figures of any trajectory, and what is refused."""

import json
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from trajectories import KEYS, LIMITS, fallen, flat, mirrored, moving, still, turned, wild

from wildrobot_cli.evaluation.metrics import ServoLimits, scenario_metrics
from wildrobot_cli.evaluation.trajectory import Trajectory


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
    assert metrics.pop("fall_causes") == {"fall": [0.02] * 3}
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
        ({"cause": np.array(["", ""])}, r"cause: expected shape \(1\), got \(2,\)"),
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
