"""What pictures show is where it belongs, in colours that everybody can tell apart."""

from base64 import b64decode

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from matplotlib import rc_context
from walks import Walk

from wildrobot_cli.report import drawing, servos, walking
from wildrobot_cli.report.drawing import DARK, side_groups
from wildrobot_cli.report.learning import at_end, column, smoothed
from wildrobot_cli.report.servos import CELLS, density
from wildrobot_cli.report.tracking import sample_episodes
from wildrobot_cli.robot import load_robot

WHITE, DARK_CARD = "#ffffff", "#161b22"


def luminance(colour):
    """Relative luminance (WCAG 2.2)."""
    parts = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("colour", [c for c in DARK if c != drawing.GRID])
def test_colours_stand_out_on_light_and_dark_pages(colour):
    assert contrast(colour, WHITE) >= 3.0
    assert contrast(DARK[colour], DARK_CARD) >= 3.0


def test_colours_follow_the_readers_scheme():
    figure, axes = drawing.sheet(1.0)
    axes[0, 0].plot([0, 1], color=drawing.LEFT)
    made = drawing.picture(figure, "title", "caption")
    svg = b64decode(made.uri.partition(",")[2]).decode()
    assert f"var(--c{drawing.LEFT[1:]})" in svg
    assert f"stroke: {drawing.LEFT}" not in svg
    assert f"--c{drawing.LEFT[1:]}:{DARK[drawing.LEFT]};" in svg


def test_a_joint_and_its_mirror_share_an_axis():
    assert side_groups(load_robot("wildrobot")) == {
        "hip_pitch": [1, 6],
        "hip_roll": [2, 7],
        "knee_pitch": [3, 8],
        "ankle_pitch": [4, 9],
        "foot_roll": [5, 10],
        "waist_yaw": [0],
    }


def test_a_fast_joint_under_torque_is_up_and_to_the_right():
    image = density(np.array([3.0]), np.array([4.0]), (5.0, 5.0), drawing.LEFT)
    row, cell = np.argwhere(image[..., 3] > 0)[0]
    assert row > CELLS / 2 and cell > CELLS / 2
    assert (image[..., 3] > 0).sum() == 1


def test_a_samples_beyond_the_servos_line_lie_beyond_the_drawn_line(robot):
    figure, axes = drawing.sheet(1.0)
    servos._limits(axes[0, 0], 4.0, robot.damping[1], 5.8, (7.0, 5.0))
    upper = next(line for line in axes[0, 0].lines if line.get_ydata()[0] > line.get_ydata()[-1])
    free = robot.torque_limit[1] / robot.damping[1]
    assert np.interp(free, upper.get_xdata(), upper.get_ydata()) == pytest.approx(0.0, abs=1e-9)
    assert np.interp(0.0, upper.get_xdata(), upper.get_ydata()) == pytest.approx(4.0)


def test_each_foots_cycle_begins_at_its_own_lift_off():
    trajectory = Walk(steps=600).trajectory()
    height = trajectory.foot_position[..., 2]
    left, right = (
        walking._own_cycles(trajectory, height[..., foot, None], foot, np.array([0]))[0, :, 0]
        for foot in (0, 1)
    )
    assert left.argmax() == pytest.approx(0.2 * walking.BINS, abs=1)
    np.testing.assert_allclose(left, right, atol=0.005)


def test_a_limp_shows_as_two_curves():
    trajectory = Walk(steps=600).trajectory()
    limping = trajectory.foot_position.copy()
    limping[:, :, 1, 2] *= 0.5
    object.__setattr__(trajectory, "foot_position", limping)
    height = trajectory.foot_position[..., 2]
    tops = [
        walking._own_cycles(trajectory, height[..., foot, None], foot, np.array([0])).max()
        for foot in (0, 1)
    ]
    assert tops[1] == pytest.approx(tops[0] / 2, rel=0.05)


def test_slow_middle_and_fast_episodes_are_chosen_once_each():
    assert sample_episodes(Walk(episodes=5).trajectory()).tolist() == [0, 2, 4]
    assert sample_episodes(Walk(episodes=1).trajectory()).tolist() == [0]


def test_unknown_metrics_leave_gaps_that_smoothing_closes():
    lines = [{"env_steps": k, "m": None if k == 5 else 2.0} for k in range(100)]
    assert np.isnan(column(lines, "m")[5])
    np.testing.assert_allclose(smoothed(column(lines, "m")), 2.0)


def test_terms_at_the_end_are_means_of_the_last_tenth():
    lines = [{"reward/a": float(k), "reward/b": -1.0} for k in range(100)]
    assert at_end(lines, "reward/") == [("b", -1.0), ("a", 94.5)]


def test_the_same_walk_gives_the_same_picture():
    with rc_context(drawing.STYLE):
        assert walking._steps(Walk().trajectory()) == walking._steps(Walk().trajectory())
