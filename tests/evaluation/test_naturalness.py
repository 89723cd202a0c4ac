"""The reference itself is natural by every figure; what is not shows in the figure it should."""

import numpy as np
import pytest
from trajectories import START, still

from wildrobot_cli import EnvConfig
from wildrobot_cli.env.reference import Reference
from wildrobot_cli.evaluation.gates import NATURAL
from wildrobot_cli.evaluation.naturalness import (
    _loops,
    _windows,
    area_under_curve,
    by_phase,
    compare_cycles,
    naturalness,
    reference_cycles,
    spectral_arc_length,
)
from wildrobot_cli.motion.clip import positions, speeds
from wildrobot_cli.motion.frames import frames_at

STEPS = 400


@pytest.fixture(scope="module")
def config():
    return EnvConfig.from_file("ppo_amp.yaml")


@pytest.fixture(scope="module")
def walked(robot, config):
    """The straight loops of the library, each walked on as two episodes."""
    loops = _loops(Reference(robot, config.reference, config.control_period))
    clips = [frames_at(clip, np.arange(STEPS) / clip.fps) for clip in loops for _ in range(2)]
    qpos = np.stack([positions(robot, clip) for clip in clips], axis=1)
    qvel = np.stack([speeds(robot, clip) for clip in clips], axis=1)
    return {
        "position": qpos[..., :3],
        "orientation": qpos[..., 3:7],
        "command": np.stack([clip.command for clip in clips], axis=1),
        "phase": np.stack([clip.phase for clip in clips], axis=1),
        "joint_pos": qpos[..., robot.qpos_ids],
        "joint_vel": qvel[..., robot.qvel_ids],
    }


def measure(robot, config, fields):
    episodes = fields["phase"].shape[1]
    trajectory = still(STEPS, episodes, len(robot.joint_names), **fields)
    return naturalness(trajectory, robot, config)


@pytest.fixture(scope="module")
def itself(robot, config, walked):
    return measure(robot, config, walked)


def test_reference_is_natural_by_every_figure(itself):
    assert itself["joint_rmse_deg"] < 4.0
    assert itself["rom_ratio"] == pytest.approx(1.0, abs=0.1)
    assert itself["fresh_auc"] == pytest.approx(0.5, abs=0.15)
    # The two windows of a loop begin at different phases.
    assert itself["sparc"] == pytest.approx(itself["sparc_reference"], abs=0.2)


def test_clock_that_runs_ahead_does_not_count_as_unnatural(robot, config, walked, itself):
    late = measure(robot, config, {**walked, "phase": walked["phase"] + 0.5})
    assert late["joint_rmse_deg"] == pytest.approx(itself["joint_rmse_deg"], abs=0.3)


def test_stiff_legs_show_in_range_and_error(robot, config, walked, itself):
    middle = walked["joint_pos"].mean(axis=0)
    stiff = middle + 0.5 * (walked["joint_pos"] - middle)
    found = measure(robot, config, {**walked, "joint_pos": stiff})
    assert found["rom_ratio"] == pytest.approx(0.5, abs=0.1)
    assert found["joint_rmse_deg"] > itself["joint_rmse_deg"] + 1
    assert found["fresh_auc"] > 0.95


def test_swapped_legs_show(robot, config, walked):
    order = [0, *range(6, 11), *range(1, 6)]
    found = measure(robot, config, {**walked, "joint_pos": walked["joint_pos"][..., order]})
    straight = measure(robot, config, walked)
    assert found["fresh_auc"] > straight["fresh_auc"] + 0.1


def test_trembling_shows_in_the_arc_length(robot, config, walked, itself):
    tremor = 1 + 0.5 * np.sin(2 * np.pi * 8 * np.arange(STEPS) / 50)[:, None, None]
    found = measure(robot, config, {**walked, "joint_vel": walked["joint_vel"] * tremor})
    assert found["sparc"] < itself["sparc"] - 0.2


def test_standing_has_no_naturalness(robot, config):
    found = measure(robot, config, {"phase": np.zeros((STEPS, 2))})
    assert {f"naturalness.{name}" for name in found} == set(NATURAL)
    assert all(value is None for value in found.values())


def test_falls_do_not_look_like_unnatural_gait(robot, config, walked, itself):
    """Every third episode falls a few samples after the start-up time, in a cycle of 25 or more."""
    fell = np.arange(walked["phase"].shape[1]) % 3 == 0
    alive = ~fell | (np.arange(STEPS) < START + 8)[:, None]
    some = measure(robot, config, {**walked, "alive": alive, "fell": fell})
    assert some["joint_rmse_deg"] == pytest.approx(itself["joint_rmse_deg"], abs=0.5)
    assert some["rom_ratio"] == pytest.approx(itself["rom_ratio"], abs=0.05)


def test_where_no_episode_walks_a_whole_cycle_there_is_none_to_compare(robot, config):
    trajectory = still(STEPS, 2, len(robot.joint_names))
    walking = np.zeros((STEPS, 2), dtype=bool)
    walking[:10] = True
    reference = Reference(robot, config.reference, config.control_period)
    found = compare_cycles(trajectory, walking, reference_cycles(reference, robot))
    assert found == (None, None)


@pytest.mark.parametrize("fallen", [0, 1])
def test_where_half_of_the_episodes_have_no_window_nothing_is_learned(
    robot, config, walked, fallen
):
    """The classifier judges odd episodes by even ones."""
    fell = np.arange(walked["phase"].shape[1]) % 2 == fallen
    alive = ~fell | (np.arange(STEPS) < START + 3)[:, None]
    found = measure(robot, config, {**walked, "alive": alive, "fell": fell})
    assert found["fresh_auc"] is None
    assert found["joint_rmse_deg"] < 5.0


def test_a_slope_does_not_give_a_walk_away(robot, config, walked):
    """Each episode walks at another height, on ground as much higher."""
    from wildrobot_cli.env.ground import Ground

    episodes = walked["phase"].shape[1]
    gradient = np.stack([np.linspace(-0.1, 0.1, episodes), np.zeros(episodes)], axis=-1)
    raised = walked["position"].copy()
    raised[..., 2] += (raised[..., :2] * gradient).sum(axis=-1)
    none = np.zeros((episodes, 0))
    ground = Ground(gradient, np.zeros((episodes, 0, 2)), none, none)
    reference = Reference(robot, config.reference, config.control_period)
    starts = np.stack([np.full(episodes, 200), np.arange(episodes)], axis=-1)
    level, sloping = (
        _windows(
            still(STEPS, episodes, len(robot.joint_names), **fields),
            reference,
            np.random.default_rng(0),
            starts,
        )
        for fields in (walked, {**walked, "position": raised, "ground": ground})
    )
    height = reference.style.names.index("height") - len(reference.style.names)
    np.testing.assert_allclose(sloping[:, height], level[:, height], atol=1e-4)


def test_cycle_is_the_mean_by_phase_with_gaps_filled():
    phase = np.linspace(0, 6 * np.pi, 300, endpoint=False)
    cycle = by_phase(phase, np.cos(phase)[:, None])[:, 0]
    middle = (np.arange(len(cycle)) + 0.5) / len(cycle) * 2 * np.pi
    np.testing.assert_allclose(cycle, np.cos(middle), atol=0.06)
    sparse = by_phase(phase[::20], np.cos(phase[::20])[:, None])[:, 0]
    np.testing.assert_allclose(sparse, np.cos(middle), atol=0.3)


def test_smooth_pulse_has_the_published_arc_length():
    """A minimum-jerk reach: about -1.4 (Balasubramanian et al. 2015, figure 3)."""
    time = np.linspace(0, 1, 101)
    pulse = 30 * time**2 * (1 - time) ** 2
    assert spectral_arc_length(pulse, 0.01) == pytest.approx(-1.41, abs=0.06)
    shaky = pulse + 0.3 * np.sin(2 * np.pi * 6 * time) * pulse
    assert spectral_arc_length(shaky, 0.01) < spectral_arc_length(pulse, 0.01)


def test_area_of_two_equal_samples_is_a_half():
    values = np.random.default_rng(0).normal(size=(2, 4000))
    assert float(area_under_curve(*values)) == pytest.approx(0.5, abs=0.02)
