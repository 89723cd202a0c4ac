"""Pushes and dropouts happen as often, as long and to whom they are asked to."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wildrobot_cli.config.disturbances import DropoutConfig, PushConfig
from wildrobot_cli.env.events import draw_dropouts, draw_pushes, drop, push_wrench

STEPS, DT = 1000, 0.02
PUSH = PushConfig(force=(5.0, 15.0), duration=0.2, interval=(1.0, 3.0))
DROPOUT = DropoutConfig(duration=0.5, interval=(0.5, 1.0))
HELD = jnp.linspace(-1, 1, 11)


def keys(count):
    return jax.random.split(jax.random.PRNGKey(0), count)


@pytest.fixture(scope="module")
def wrenches():
    """What is pushed in every control step of 64 episodes. Shape (64, STEPS, 6)."""

    def episode(key):
        pushes = draw_pushes(key, PUSH, STEPS, DT)
        return jax.vmap(lambda step: push_wrench(pushes, PUSH, step, DT))(jnp.arange(STEPS))

    return np.asarray(jax.vmap(episode)(keys(64)))


def runs(active):
    """Where stretches of True begin, and how long they are."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], active, [False]])))
    return edges[::2], edges[1::2] - edges[::2]


def test_pushes_are_horizontal_forces_of_the_size_asked(wrenches):
    assert not wrenches[..., 2:].any()
    size = np.linalg.norm(wrenches, axis=-1)
    size = size[size > 0]
    assert (size.min(), size.max()) == pytest.approx((5, 15), abs=0.3)
    assert size.mean() == pytest.approx(10, abs=0.5)


def test_pushes_come_from_all_sides(wrenches):
    forces = wrenches[np.abs(wrenches).max(-1) > 0][:, :2]
    angle = np.arctan2(forces[:, 1], forces[:, 0])
    assert np.histogram(angle, 8, (-np.pi, np.pi))[0].min() > 0.05 * len(angle)


def test_pushes_last_as_long_and_pause_as_long_as_asked(wrenches):
    for force in wrenches:
        begin, length = runs(np.abs(force).max(-1) > 0)
        assert (length[:-1] == 10).all()
        pauses = np.diff(begin) - 10
        assert 50 <= begin[0] <= 150
        assert pauses.min() >= 50
        assert pauses.max() <= 150
        assert STEPS - begin[-1] <= 160, "pushed until the end"


def test_impulse_of_a_push_is_its_force_times_its_duration(wrenches):
    for force in wrenches[:8, :, :2]:
        begin, _ = runs(np.abs(force).max(-1) > 0)
        impulse = force[: begin[1]].sum(0) * DT
        np.testing.assert_allclose(impulse, force[begin[0]] * PUSH.duration, rtol=1e-5)


@pytest.mark.parametrize("targets", [jnp.zeros(11), jnp.zeros((5, 11))], ids=["period", "substeps"])
def test_a_dropped_servo_holds_its_target_and_the_others_do_not(targets):
    dropouts = draw_dropouts(keys(1)[0], DROPOUT, STEPS, DT, HELD)
    joint, seen = np.asarray(dropouts.joint), []
    begin = np.asarray(dropouts.begin)
    follow = jax.jit(lambda d, step, t: drop(d, DROPOUT, step, DT, t))
    for step in range(150):
        taken, dropouts = follow(dropouts, step, targets + 0.01 * (step + 1))
        seen.append(np.atleast_2d(taken)[-1])
    seen = np.stack(seen)
    wanted = 0.01 * np.arange(1, 151)
    for number in range(np.sum(begin + 25 < 150)):
        first = begin[number]
        mine = seen[first : first + 25, joint[number]]
        np.testing.assert_allclose(mine, 0.01 * first, atol=1e-6)
        others = np.delete(seen[first : first + 25], joint[number], axis=1)
        np.testing.assert_allclose(others, wanted[first : first + 25, None] + 0 * others, atol=1e-6)
        assert seen[first + 25, joint[number]] == pytest.approx(wanted[first + 25])
    assert number >= 1


def test_every_servo_drops_out():
    dropouts = jax.vmap(lambda key: draw_dropouts(key, DROPOUT, STEPS, DT, HELD))(keys(32))
    assert set(np.unique(dropouts.joint)) == set(range(11))


def test_events_without_pauses_follow_one_another():
    config = PushConfig(force=(1.0, 1.0), duration=0.1, interval=(0.0, 0.0))
    pushes = draw_pushes(keys(1)[0], config, STEPS, DT)
    wrench = jax.vmap(lambda step: push_wrench(pushes, config, step, DT))(jnp.arange(STEPS))
    np.testing.assert_allclose(np.linalg.norm(wrench, axis=-1), 1.0, rtol=1e-6)
