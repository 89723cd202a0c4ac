"""Contact, swings and gait figures of walkers whose answers are known by hand."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from trajectories import (
    CYCLE,
    HEIGHT,
    START,
    WEIGHT,
    feet,
    flat,
    mirrored,
    noisy,
    pattern,
    side_by_side,
    turned,
    walker,
)

from wildrobot_cli.evaluation.gait import (
    asymmetry,
    contacts,
    find_swings,
    find_touchdowns,
    gait_metrics,
    step_lengths,
    step_times,
)
from wildrobot_cli.evaluation.trajectory import Floats


def test_alternating_walker_by_hand() -> None:
    metrics = gait_metrics(walker())
    assert metrics["duty_factor"] == pytest.approx({"left": 0.6, "right": 0.6})
    assert metrics["double_support"] == pytest.approx(0.2)
    assert metrics["flight"] == 0.0
    assert metrics["swing_clearance_m"] == pytest.approx({"left": HEIGHT, "right": HEIGHT})
    assert metrics["foot_slip_mps"] == 0.0
    assert metrics["symmetry_pct"] == pytest.approx(0.0, abs=1e-9)
    assert metrics["alternation"] == 1.0


def test_foot_that_load_leaves_for_a_moment_takes_no_step() -> None:
    """When the right foot lands, load leaves the left one, behind it, for two samples."""
    walks = walker()
    force = walks.foot_force.copy()
    landed = force[1:, :, 1] > force[:-1, :, 1]
    for step in np.flatnonzero(landed[:, 0]):
        force[step + 1 : step + 3, :, 0] = 0.0
    chatters, clean = gait_metrics(replace(walks, foot_force=force)), gait_metrics(walks)
    assert chatters["alternation"] < 0.8
    for figure in ("symmetry_pct", "swing_clearance_m"):
        assert chatters[figure] == pytest.approx(clean[figure], abs=1e-9)


def test_walker_steps_have_hand_computed_times_and_lengths() -> None:
    trajectory = walker(right_phase=14, yaw=2.0)
    touchdowns = find_touchdowns(trajectory, contacts(trajectory))
    right = touchdowns.foot[touchdowns.alternates] == 1
    times, lengths = step_times(trajectory, touchdowns), step_lengths(trajectory, touchdowns)
    assert times[right] == pytest.approx(0.28)
    assert times[~right] == pytest.approx(0.52)
    assert lengths[right] == pytest.approx(0.07)
    assert lengths[~right] == pytest.approx(0.13)


@pytest.mark.parametrize(
    ("offset", "expected"),
    [(0.0, 60.0), (0.03, 60.0), (-0.03, 120.0)],
    ids=["both", "worse in time", "worse in length"],
)
def test_limp_shows_its_worse_asymmetry(offset: float, expected: float) -> None:
    metrics = gait_metrics(walker(right_phase=14, offset=offset))
    assert metrics["symmetry_pct"] == pytest.approx(expected)
    assert metrics["alternation"] == 1.0


def test_limps_on_opposite_sides_do_not_cancel() -> None:
    limp = walker(right_phase=14)
    metrics = gait_metrics(side_by_side(limp, mirrored(limp)))
    assert metrics["symmetry_pct"] == pytest.approx(60.0)


def test_unequal_stances_and_swings_stay_with_their_foot() -> None:
    metrics = gait_metrics(walker(stance=(30, 20), height=(0.02, 0.06)))
    assert metrics["duty_factor"] == pytest.approx({"left": 0.75, "right": 0.5})
    assert metrics["swing_clearance_m"] == pytest.approx({"left": 0.02, "right": 0.06})


@pytest.mark.parametrize("delay", [0, 1])
def test_hopper_flies_and_does_not_alternate(delay: int) -> None:
    metrics = gait_metrics(walker(right_phase=delay, stance=(20, 20)))
    assert metrics["flight"] == pytest.approx((20 - delay) / CYCLE)
    assert metrics["double_support"] == pytest.approx((20 - delay) / CYCLE)
    assert metrics["alternation"] == 0.0
    assert metrics["symmetry_pct"] is None


def test_one_legged_hopper_has_one_sided_figures() -> None:
    metrics = gait_metrics(walker(stance=(20, 0)))
    assert metrics["duty_factor"] == pytest.approx({"left": 0.5, "right": 0.0})
    assert metrics["swing_clearance_m"]["right"] is None
    assert metrics["alternation"] == 0.0
    assert metrics["symmetry_pct"] is None


def test_shuffler_slips_and_never_swings() -> None:
    velocity = np.zeros((500, 1, 2, 3))
    velocity[:, :, 0] = (0.3, 0.4, 5.0)
    velocity[:, :, 1] = (0.1, 0.0, 5.0)
    always = np.ones((500, 1, 2), dtype=np.bool_)
    metrics = gait_metrics(feet(always, foot_velocity=velocity))
    assert metrics["double_support"] == 1.0
    assert metrics["foot_slip_mps"] == pytest.approx(0.3)
    assert metrics["swing_clearance_m"] == {"left": None, "right": None}
    assert metrics["symmetry_pct"] is None
    assert metrics["alternation"] is None


def test_slip_counts_contact_samples_only() -> None:
    velocity = np.zeros((500, 1, 2, 3))
    trajectory = walker()
    velocity[~contacts(trajectory)] = 9.0
    assert gait_metrics(replace(trajectory, foot_velocity=velocity))["foot_slip_mps"] == 0.0


def test_walking_on_the_spot_is_judged_on_step_time_alone() -> None:
    trajectory = walker(right_phase=14)
    place = trajectory.foot_position.copy()
    place[..., 0] = np.random.default_rng(0).normal(0.0, 1e-4, place.shape[:-1])
    metrics = gait_metrics(replace(trajectory, foot_position=place))
    assert metrics["symmetry_pct"] == pytest.approx(60.0)


def test_walking_backward_is_as_symmetric_as_forward() -> None:
    trajectory = walker(right_phase=14, offset=-0.03)
    back = replace(trajectory, heading=trajectory.heading + np.pi)
    assert gait_metrics(back)["symmetry_pct"] == pytest.approx(120.0)


def test_double_step_of_one_foot_does_not_alternate() -> None:
    left = "##...##...####...###"
    right = "##########...#######"
    trajectory = feet(pattern(left, right))
    touchdowns = find_touchdowns(trajectory, contacts(trajectory))
    assert touchdowns.foot.tolist() == [0, 0, 1, 0]
    assert (touchdowns.sample - START).tolist() == [5, 10, 13, 17]
    assert touchdowns.follows.tolist() == [False, True, True, True]
    assert touchdowns.alternates.tolist() == [False, False, True, True]
    assert gait_metrics(trajectory)["alternation"] == pytest.approx(2 / 3)


def test_glitches_of_one_sample_are_not_contact_changes() -> None:
    noisy_left = "##.####....#....##.#"
    clean_left = "#######.........####"
    contact = contacts(feet(pattern(noisy_left, "#" * 20)))[START:, 0, 0]
    assert "".join(".#"[int(c)] for c in contact) == clean_left


def test_two_samples_are_a_contact_change() -> None:
    kept = "##..###....##.....##"
    contact = contacts(feet(pattern(kept, "#" * 20)))[START:, 0, 0]
    assert "".join(".#"[int(c)] for c in contact) == kept


def test_contact_takes_more_than_five_percent_of_weight() -> None:
    blank = np.zeros((4, 1, 2), dtype=np.bool_)
    force = np.broadcast_to([0.05 * WEIGHT, 0.0501 * WEIGHT], (4, 1, 2))
    contact = contacts(feet(blank, foot_force=force))
    assert contact[..., 1].all()
    assert not contact[..., 0].any()


def test_last_contact_before_a_fall_is_kept() -> None:
    alive = np.array([True] * 4 + [False] * 2)[:, None]
    up_to_fall = np.array([1, 1, 0, 1, 1, 1], dtype=np.bool_)[:, None, None].repeat(2, axis=2)
    landing = np.array([0, 0, 0, 1, 1, 1], dtype=np.bool_)[:, None, None].repeat(2, axis=2)
    fell = np.array([True])
    assert contacts(feet(up_to_fall, alive=alive, fell=fell))[:, 0, 0].tolist() == [
        *[True] * 4,
        *[False] * 2,
    ]
    assert contacts(feet(landing, alive=alive, fell=fell))[:, 0, 0].tolist() == [
        *[False] * 3,
        True,
        *[False] * 2,
    ]


def test_swing_cut_off_by_a_fall_is_left_out() -> None:
    contact = pattern("##...##.....", "############")
    alive = np.ones(contact.shape[:2], dtype=np.bool_)
    alive[-2:] = False
    trajectory = feet(contact, alive=alive, fell=np.array([True]))
    swings = find_swings(trajectory, contacts(trajectory))
    assert (swings.liftoff - START).tolist() == [2]
    assert (swings.touchdown - START).tolist() == [5]


def test_clearance_is_above_the_height_at_liftoff() -> None:
    contact = pattern("##.....##", "#########")
    place = np.zeros((START + 9, 1, 2, 3))
    place[START:, 0, 0, 2] = [0.0, 0.02, 0.03, 0.03, 0.07, 0.03, 0.01, 0.5, 0.0]
    metrics = gait_metrics(feet(contact, foot_position=place))
    assert metrics["swing_clearance_m"]["left"] == pytest.approx(0.05)


def test_start_up_is_left_out() -> None:
    walking, hopping = walker(), walker(right_phase=0)
    force, place = walking.foot_force.copy(), walking.foot_position.copy()
    force[:START], place[:START] = hopping.foot_force[:START], 7.0
    late = replace(walking, foot_force=force, foot_position=place)
    assert flat(gait_metrics(late)) == pytest.approx(flat(gait_metrics(walking)))


def test_swing_that_begins_in_the_start_up_time_is_left_out() -> None:
    trajectory = walker(right_phase=30, stance=(30, 30))
    swings = find_swings(trajectory, contacts(trajectory))
    assert swings.liftoff[swings.foot == 1].tolist() == list(range(100, 470, CYCLE))
    assert swings.liftoff[swings.foot == 0].tolist() == list(range(110, 480, CYCLE))
    shifted = walker(right_phase=29, stance=(30, 30))
    swings = find_swings(shifted, contacts(shifted))
    assert swings.liftoff[swings.foot == 1].tolist() == list(range(139, 470, CYCLE))


def test_asymmetry_weighs_episodes_by_their_steps() -> None:
    values = np.array([1.0, 3.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    episode = np.array([0, 0, 1, 1, 1, 1, 1, 1])
    foot = np.array([0, 1, 0, 1, 0, 1, 0, 1])
    assert asymmetry(values, episode, foot, episodes=3) == pytest.approx(100.0 * 2 / 8)


def test_samples_after_a_fall_are_left_out() -> None:
    once, twice = walker(), walker()
    alive = np.ones((500, 1), dtype=np.bool_)
    alive[START:] = False
    faller = replace(noisy(0, 500, 1), alive=alive, fell=np.array([True]))
    assert flat(gait_metrics(side_by_side(once, faller))) == flat(gait_metrics(twice))


def test_nothing_to_count_is_none() -> None:
    never = np.zeros((START, 3, 2), dtype=np.bool_)
    assert set(flat(gait_metrics(feet(never)))) == {None}


@pytest.mark.parametrize("seed", range(5))
def test_interior_contact_runs_have_at_least_two_samples(seed: int) -> None:
    rng = np.random.default_rng(seed)
    contact = contacts(feet(rng.random((200, 4, 2)) < 0.5)).transpose(1, 2, 0).reshape(8, 200)
    for row in contact:
        changes = np.flatnonzero(row[1:] != row[:-1])
        assert (np.diff(changes) >= 2).all()


@pytest.mark.parametrize("seed", range(5))
def test_mirror_swaps_feet_and_changes_nothing_else(seed: int) -> None:
    metrics, mirror = gait_metrics(noisy(seed)), gait_metrics(mirrored(noisy(seed)))
    for name, value in metrics.items():
        if isinstance(value, dict):
            value = {"left": value["right"], "right": value["left"]}
        assert mirror[name] == pytest.approx(value), name


@pytest.mark.parametrize("seed", range(5))
def test_constant_world_yaw_changes_nothing(seed: int) -> None:
    trajectory = noisy(seed)
    expected = flat(gait_metrics(trajectory))
    assert flat(gait_metrics(turned(trajectory, 2.3))) == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(5))
def test_contact_shares_add_up(seed: int) -> None:
    metrics = gait_metrics(noisy(seed))
    duty = sum(metrics["duty_factor"].values())
    assert duty == pytest.approx(1.0 + metrics["double_support"] - metrics["flight"])


def test_figures_pool_episodes_in_any_order() -> None:
    trajectory = noisy(1)
    order: Floats = np.array([3, 1, 4, 0, 2])
    arrays = {k: v for k, v in vars(trajectory).items() if isinstance(v, np.ndarray)}
    shuffled: dict[str, Any] = {
        k: v[order] if v.ndim == 1 else v[:, order] for k, v in arrays.items()
    }
    again = gait_metrics(replace(trajectory, **shuffled))
    assert flat(again) == pytest.approx(flat(gait_metrics(trajectory)))
