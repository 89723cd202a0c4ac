import numpy as np
import pytest

from wildrobot_cli.errors import ConfigError
from wildrobot_cli.making.curves import Swing, human_pitch, series
from wildrobot_cli.making.footsteps import Course, Gait, plan_walk
from wildrobot_cli.making.planning import pendulum
from wildrobot_cli.making.recipe import load_recipe, style_of
from wildrobot_cli.motion.library import motion_dir

DT = 0.01
GAIT = Gait(0.2, 1.0, 0.62, 0.11, 0.02, (-0.01, 0.01))
COURSE = Course.of((0.5,), 3, 0.5)
SWING = Swing(0.03, 0.45, 0.2, np.array([0.1, -0.2]))


@pytest.fixture(scope="module")
def feet():
    return plan_walk(GAIT, COURSE, SWING, DT)


def test_the_series_fits_the_human_curves(recipe):
    """Eight harmonics fit hip, knee and ankle within 0.2, 0.6 and 0.9 degrees."""
    human, cycle = recipe.human, np.linspace(0, 1, 21)
    for curve, error in ((human.hip, 0.2), (human.knee, 0.65), (human.ankle, 0.9)):
        assert np.abs(series(curve, cycle) - curve).max() < error


def test_the_foot_swings_toes_down_first(recipe):
    swing = Swing(0.03, 0.45, 0.0, human_pitch(recipe.human))
    assert swing.tilt(np.array([0.3]))[0] > 0.3
    np.testing.assert_allclose(swing.tilt(np.array([0.0, 1.0])), 0.0)


@pytest.mark.parametrize("haste", [0.0, 0.3, 1.0])
def test_a_swing_starts_and_ends_at_rest_on_the_floor(haste):
    swing, ends = Swing(0.03, 0.45, haste, np.zeros(2)), np.array([0.0, 1e-4, 1 - 1e-4, 1.0])
    np.testing.assert_allclose(swing.progress(ends), [0, 0, 1, 1], atol=1e-6)
    np.testing.assert_allclose(swing.lift(ends), 0.0, atol=1e-6)
    s = np.linspace(0, 1, 201)
    assert swing.lift(s).max() == pytest.approx(0.03)
    assert s[swing.lift(s).argmax()] == pytest.approx(0.45)
    assert (np.diff(swing.progress(s)) >= 0).all()


def test_feet_stand_still_while_they_bear(feet):
    moved = np.abs(np.diff(feet.soles, axis=0)).max(axis=-1)
    both = feet.bearing[1:] & feet.bearing[:-1]
    assert moved[both].max() < 1e-3
    assert (feet.soles[..., 2] >= 0).all()
    assert feet.bearing.any(axis=1).all()


def test_steady_steps_cover_the_speed_and_the_duty(feet):
    stride = round(GAIT.period / DT)
    middle = len(feet.soles) // 2 - stride // 2
    way = feet.soles[middle + stride, :, 0] - feet.soles[middle, :, 0]
    np.testing.assert_allclose(way, GAIT.speed * GAIT.period, atol=1e-9)
    share = feet.bearing[middle : middle + stride].mean(axis=0)
    np.testing.assert_allclose(share, GAIT.duty, atol=2 / stride)


def test_a_walk_ends_with_its_feet_side_by_side(feet):
    end = feet.soles[-1]
    assert end[0, 0] == pytest.approx(end[1, 0])
    assert end[0, 1] - end[1, 1] == pytest.approx(GAIT.width)


def test_the_pressure_stays_under_a_bearing_foot(feet):
    alone = feet.bearing.sum(axis=1) == 1
    under = np.where(feet.bearing[:, :1], feet.soles[:, 0, :2], feet.soles[:, 1, :2])
    away = np.abs(feet.pressure - under)[alone]
    assert away[:, 0].max() < 0.025
    assert away[:, 1].max() < 0.011


def test_the_pendulum_needs_the_pressure_it_was_made_for(feet):
    com = pendulum(feet.pressure, 0.35, 9.81, DT)
    acceleration = np.zeros_like(com)
    acceleration[1:-1] = (com[2:] - 2 * com[1:-1] + com[:-2]) / DT**2
    found = com - 0.35 / 9.81 * acceleration
    np.testing.assert_allclose(found[1:-1], feet.pressure[1:-1], atol=1e-9)


def test_a_style_between_two_speeds_is_in_between(recipe):
    low, high = recipe.styles[0], recipe.styles[1]
    middle = (low.speed + high.speed) / 2
    plain = recipe.walks["walk_020"].model_copy(update={"speed": middle, "style": {}})
    style = style_of(recipe.model_copy(update={"walks": {"x": plain}}), "x")
    assert style.width == pytest.approx((low.width + high.width) / 2)
    assert style.pressure[1] == pytest.approx((low.pressure[1] + high.pressure[1]) / 2)


@pytest.mark.parametrize(
    ("style", "message"),
    [
        ({"wdith": 0.1}, "walks.x.style: wdith: unknown key; did you mean 'width'"),
        ({"duty": 2.0}, "walks.x.style: duty: expected a number"),
    ],
)
def test_a_wrong_style_is_named(recipe, style, message):
    wrong = recipe.walks["walk_020"].model_copy(update={"style": style})
    with pytest.raises(ConfigError, match=message):
        style_of(recipe.model_copy(update={"walks": {"x": wrong}}), "x")


def test_a_recipe_is_blamed_by_line(tmp_path):
    text = (motion_dir() / "recipe.yaml").read_text().replace("substeps: 5", "substeps: none", 1)
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"mine.yaml:\d+: substeps: expected a whole number"):
        load_recipe(tmp_path / "mine.yaml")
