"""Differences between two measurements, against values known by hand and planted ones."""

from dataclasses import replace

import numpy as np
import pytest
from trajectories import LIMITS, fallen, moving, side_by_side

from wildrobot_cli.evaluation.differences import (
    beyond,
    by_episode,
    differences,
    newcombe_interval,
    paired_interval,
)
from wildrobot_cli.evaluation.measuring import Measured
from wildrobot_cli.evaluation.metrics import scenario_metrics

SPEEDS = np.linspace(0.1, 0.5, 20)


def measured(*parts):
    trajectory = side_by_side(*parts)
    return Measured(scenario_metrics(trajectory, LIMITS), trajectory, LIMITS)


def walks(error=0.0):
    return [moving((v + error, 0.0, 0.0), (v, 0.0, 0.0)) for v in SPEEDS]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [  # Newcombe 1998, table II, method 10
        ((48, 80), (56, 70), (0.0524, 0.3339)),
        ((3, 10), (9, 10), (0.1705, 0.8090)),
        ((0, 29), (5, 56), (-0.0381, 0.1926)),
        ((0, 10), (0, 20), (-0.2775, 0.1611)),
        ((0, 10), (10, 10), (0.6075, 1.0)),
    ],
)
def test_newcombe_interval_known_values(first, second, expected):
    assert newcombe_interval(first, second) == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize("pairs", [2, 3, 4, 8, 40])
def test_paired_interval_covers_the_mean_as_often_as_it_says(pairs):
    rng = np.random.default_rng(1)
    drawn = [paired_interval(rng.normal(0.3, 1.0, pairs)) for _ in range(2000)]
    assert np.mean([low <= 0.3 <= high for low, high in drawn]) == pytest.approx(0.95, abs=0.02)


def test_one_pair_has_no_interval_and_is_beyond_nothing():
    (walk, *_), (faster, *_) = walks(), walks(error=0.1)
    found = differences(measured(walk), measured(faster))["distance_m"]
    assert found["difference"] == pytest.approx(1.0)
    assert found["ci95"] is None
    assert not beyond(found, 0.0)


def test_the_same_twice_differs_in_nothing():
    found = differences(measured(*walks()), measured(*walks()))
    assert {d["difference"] for d in found.values()} == {0.0}
    assert not any(beyond(d, 0.0) for d in found.values())


def test_pairs_show_a_difference_that_is_smaller_than_the_spread():
    found = differences(measured(*walks()), measured(*walks(error=0.01)))
    velocity, distance = found["velocity_error_mps"], found["distance_m"]
    assert velocity["difference"] == pytest.approx(0.01)
    assert distance["difference"] == pytest.approx(0.1)
    assert beyond(distance, 0.0)
    assert not beyond(distance, 0.11)
    assert np.std(by_episode(measured(*walks()))["distance_m"]) > 1.0


def test_lost_episodes_are_a_difference_of_success():
    lost = [fallen(walk, at=300) if k % 2 else walk for k, walk in enumerate(walks())]
    found = differences(measured(*walks()), measured(*lost))["success_rate"]
    assert (found["first"], found["second"], found["difference"]) == (1.0, 0.5, -0.5)
    assert beyond(found, 0.0)
    one = [fallen(walks()[0], at=300), *walks()[1:]]
    assert not beyond(differences(measured(*walks()), measured(*one))["success_rate"], 0.0)


def test_pairs_in_which_one_is_undefined_are_left_out():
    early = [fallen(walk, at=50) if k < 15 else walk for k, walk in enumerate(walks(error=0.02))]
    found = differences(measured(*walks()), measured(*early))["velocity_error_mps"]
    assert found["difference"] == pytest.approx(0.02)
    never = [fallen(walk, at=50) for walk in walks()]
    assert "velocity_error_mps" not in differences(measured(*walks()), measured(*never))


def test_figures_of_an_episode_are_those_that_it_has_alone():
    falling = replace(fallen(walks()[3], at=200), cause=np.array(["tilted"]))
    each = by_episode(measured(walks()[0], falling))
    alone = scenario_metrics(falling, LIMITS)
    assert each["distance_m"][1] == alone["distance_m"]
    assert np.isnan(each["heading_drift_deg"][1])
