"""Targets reach the servos as late as they are asked to, to the physics step."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wildrobot_cli.config.disturbances import DelayConfig
from wildrobot_cli.env.delays import draw_link, send

TIMESTEP, SUBSTEPS = 0.004, 5
KEY = jax.random.PRNGKey(0)


def follow(config, jitters, joints=1):
    """What a servo follows in each physics step; the k-th target is k + 1, the first 0."""
    link = draw_link(KEY, config, TIMESTEP, SUBSTEPS, jnp.zeros(joints))
    rows = []
    for k, jitter in enumerate(jitters):
        row, link = send(link, jnp.float32(jitter), TIMESTEP, SUBSTEPS, jnp.full(joints, k + 1.0))
        rows.append(np.asarray(row))
    return np.concatenate(rows)[:, 0]


@pytest.mark.parametrize("steps", range(13))
def test_latency_shifts_targets_by_exactly_the_steps_asked(steps):
    latency = steps * TIMESTEP
    found = follow(DelayConfig(latency=(latency, latency)), np.zeros(8))
    prompt = np.repeat(np.arange(1.0, 9.0), SUBSTEPS)
    np.testing.assert_array_equal(found[steps:], prompt[: len(found) - steps])
    np.testing.assert_array_equal(found[:steps], 0)


@pytest.mark.parametrize(("latency", "steps"), [(0.0059, 1), (0.0061, 2), (0.0019, 0), (0.031, 8)])
def test_latency_is_rounded_to_the_nearest_physics_step(latency, steps):
    found = follow(DelayConfig(latency=(latency, latency)), np.zeros(8))
    assert np.argmax(found > 0) == steps


def test_jitter_delays_each_target_on_its_own():
    jitters = np.array([0, 3, 1, 7, 0, 2]) * TIMESTEP
    found = follow(DelayConfig(latency=(0.004, 0.004), jitter=0.028), jitters)
    arrival = np.arange(6) * SUBSTEPS + 1 + np.array([0, 3, 1, 7, 0, 2])
    expected = [max(np.flatnonzero(arrival <= step) + 1, default=0) for step in range(30)]
    np.testing.assert_array_equal(found, expected)
    assert 4 not in found, "the fifth target overtook the fourth, which is lost"


def test_latency_is_drawn_for_an_episode_within_its_range():
    config = DelayConfig(latency=(0.01, 0.04))
    drawn = jax.vmap(lambda key: draw_link(key, config, TIMESTEP, SUBSTEPS, jnp.zeros(2)).latency)(
        jax.random.split(KEY, 500)
    )
    assert (drawn.min(), drawn.max()) == pytest.approx((0.01, 0.04), abs=5e-4)
    assert drawn.mean() == pytest.approx(0.025, abs=1e-3)


def test_servos_hold_their_first_targets_until_one_arrives():
    link = draw_link(KEY, DelayConfig(latency=(0.04, 0.04)), TIMESTEP, SUBSTEPS, jnp.arange(11.0))
    rows, _ = send(link, jnp.zeros(()), TIMESTEP, SUBSTEPS, jnp.full(11, 9.0))
    np.testing.assert_array_equal(rows, np.tile(np.arange(11.0), (5, 1)))
