"""Commands are drawn and held as configured; the feet's phases are half a cycle apart."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wildrobot_cli.config.environment import CommandConfig
from wildrobot_cli.env.commands import command_at, draw_schedule, narrowed
from wildrobot_cli.env.gait import foot_phases, swing_height
from wildrobot_cli.runtime.observing.estimation import TURN, advance_phase


def commands(**changes) -> CommandConfig:
    ranges = {"forward": (0.1, 0.5), "lateral": (-0.2, 0.1), "yaw_rate": (-0.3, 0.3)}
    return CommandConfig(**{**ranges, "hold": 2.0, "zero_probability": 0.0, **changes})


def draw(config, episodes=2000, length=20.0):
    keys = jax.random.split(jax.random.PRNGKey(0), episodes)
    return np.asarray(jax.vmap(lambda key: draw_schedule(key, config, length))(keys))


@pytest.mark.parametrize(("hold", "count"), [(2.0, 10), (20.0, 1), (30.0, 1), (3.0, 7)])
def test_schedule_covers_the_episode(hold, count):
    assert draw(commands(hold=hold), episodes=1).shape == (1, count, 3)


def test_commands_fill_their_ranges():
    drawn = draw(commands()).reshape(-1, 3)
    np.testing.assert_allclose(drawn.min(0), [0.1, -0.2, -0.3], atol=1e-3)
    np.testing.assert_allclose(drawn.max(0), [0.5, 0.1, 0.3], atol=1e-3)
    np.testing.assert_allclose(drawn.mean(0), [0.3, -0.05, 0.0], atol=5e-3)
    assert (drawn >= np.float32([0.1, -0.2, -0.3])).all()
    assert (drawn <= np.float32([0.5, 0.1, 0.3])).all()


def test_draws_are_independent():
    drawn = draw(commands())
    columns = np.stack([drawn[:, 0, 0], drawn[:, 0, 1], drawn[:, 0, 2], drawn[:, 1, 0]])
    assert np.max(np.abs(np.corrcoef(columns) - np.eye(4))) < 0.1


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_asked_share_of_draws_stands_still(share):
    standing = (draw(commands(zero_probability=share)) == 0).all(-1)
    assert standing.mean() == pytest.approx(share, abs=0.02)


def test_standing_draws_are_zero_in_all_components_or_in_none():
    drawn = draw(commands(zero_probability=0.5))
    assert set(np.unique((drawn == 0).sum(-1))) == {0, 3}


def clock(control_period, steps, substeps=5):
    """Times after each control step, as a float32 simulation accumulates them [s]."""
    time, times = np.float32(0), []
    for _ in range(steps):
        inside = float(time)
        for _ in range(substeps):
            inside += control_period / substeps
        time = np.float32(inside)
        times.append(time)
    return jnp.asarray(times)


@pytest.mark.parametrize("hold", [0.1, 0.3, 1.0, 2.0, 10.0])
@pytest.mark.parametrize("control_period", [0.02, 0.01, 1 / 60])
def test_command_is_held_and_switched_at_the_right_step(control_period, hold):
    steps = round(60.0 / control_period)
    schedule = jnp.arange(float(np.ceil(60.0 / hold)))[:, None].repeat(3, axis=1)
    at = jax.vmap(lambda time: command_at(schedule, time, hold, control_period))
    got = np.asarray(at(clock(control_period, steps)))[:, 0]
    every = round(hold / control_period)
    expected = np.minimum(np.arange(1, steps + 1) // every, len(schedule) - 1)
    np.testing.assert_array_equal(got, expected)


def test_last_command_stays_in_force():
    schedule = jnp.asarray([[0.1, 0.0, 0.0], [0.2, 0.0, 0.0]])
    for time, expected in ((0.0, 0.1), (1.98, 0.1), (2.0, 0.2), (3.98, 0.2), (4.0, 0.2), (9, 0.2)):
        assert command_at(schedule, jnp.float32(time), 2.0, 0.02)[0] == jnp.float32(expected)


# --- gait


def test_phase_advances_by_the_frequency_and_wraps():
    phase = jnp.float32(0.0)
    for _ in range(50):
        phase = advance_phase(phase, 1.6, 0.02)
        assert 0 <= phase < TURN
    assert phase == pytest.approx(0.6 * TURN, abs=1e-4)


@pytest.mark.parametrize("phase", [0.0, 0.1, 2.0, np.pi, 5.0, 6.28])
def test_feet_are_half_a_cycle_apart(phase):
    left, right = foot_phases(jnp.float32(phase))
    assert left == pytest.approx(phase)
    assert 0 <= right < TURN
    assert abs(float(right - left)) == pytest.approx(np.pi, abs=1e-6)


def test_swing_arch_by_hand():
    cycle = jnp.asarray([0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.99])
    heights = swing_height(TURN * cycle, 0.4, 0.06)
    np.testing.assert_allclose(heights, [0, 0.03, 0.06, 0.03, 0, 0, 0], atol=1e-7)


@pytest.mark.parametrize("fraction", [0.3, 0.4, 0.5, 0.7])
def test_each_foot_swings_its_share_of_the_cycle(fraction):
    phases = TURN * jnp.arange(2000) / 2000
    heights = np.asarray(swing_height(jax.vmap(foot_phases)(phases), fraction, 0.05))
    np.testing.assert_allclose((heights > 0).mean(axis=0), fraction, atol=2e-3)
    both = (heights > 0).all(axis=1).mean()
    assert both == pytest.approx(max(0.0, 2 * fraction - 1), abs=2e-3)
    assert np.max(np.abs(np.diff(heights, axis=0))) < 1e-3


RAMPED = jnp.asarray([[0.4, 0.0, 0.0], [0.0, 0.1, 0.2], [0.0, 0.0, 0.0]])


def test_ramp_slides_from_one_command_to_the_next():
    times = 0.02 * np.arange(300)
    found = jax.vmap(lambda t: command_at(RAMPED, t, 2.0, 0.02, ramp=0.5))(times)
    points = [0, 2, 2.5, 4, 4.5, 6]
    values = np.asarray(RAMPED)[[0, 0, 1, 1, 2, 2]]
    expected = np.stack([np.interp(times, points, column) for column in values.T], axis=1)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_first_command_is_in_force_at_once():
    np.testing.assert_array_equal(command_at(RAMPED, 0.0, 2.0, 0.02, ramp=0.5), RAMPED[0])


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_narrowed_commands_fill_a_share_of_the_ranges_around_their_middle(share):
    config = commands()
    drawn = narrowed(draw(config).reshape(-1, 3), config, jnp.float32(share))
    middle, half = np.array([0.3, -0.05, 0.0]), np.array([0.2, 0.15, 0.3])
    np.testing.assert_allclose(drawn.min(0), middle - share * half, atol=1e-3)
    np.testing.assert_allclose(drawn.max(0), middle + share * half, atol=1e-3)


def test_narrowed_standing_stays_standing():
    config = commands(zero_probability=0.5)
    drawn = draw(config).reshape(-1, 3)
    np.testing.assert_array_equal(
        np.asarray(narrowed(drawn, config, jnp.float32(0.2)) == 0).all(1), (drawn == 0).all(1)
    )
