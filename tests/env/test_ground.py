"""Ground: heights as steep, high and long as asked, planes that lie along it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wildrobot_cli.config.disturbances import BumpConfig, TerrainConfig
from wildrobot_cli.env.ground import above, draw_ground, height_at, normal_at, planes_under
from wildrobot_cli.runtime.observing.rotations import up_vector

BUMPS = BumpConfig(height=(0.02, 0.02), wavelength=(0.2, 1.0))
PLACES = np.random.default_rng(0).uniform(-4, 4, (4000, 2))
KEYS = jax.random.split(jax.random.PRNGKey(0), 64)


def grounds(**config):
    return jax.vmap(lambda key: draw_ground(key, TerrainConfig(**config)))(KEYS)


def heights(ground, places=PLACES):
    return np.asarray(jax.vmap(lambda g: height_at(g, jnp.asarray(places)))(ground))


@pytest.mark.parametrize("config", [{"slope": (0.1, 0.1)}, {"bumps": BUMPS}])
def test_ground_passes_through_the_origin(config):
    assert np.abs(heights(grounds(**config), np.zeros((1, 2)))).max() < 1e-6


def test_slope_has_the_angle_asked_in_all_directions():
    ground = grounds(slope=(0.0873, 0.0873))
    gradient = np.asarray(ground.gradient)
    np.testing.assert_allclose(np.linalg.norm(gradient, axis=1), np.tan(0.0873), rtol=1e-5)
    up, across = gradient[:, 0] / np.tan(0.0873), gradient[:, 1] / np.tan(0.0873)
    assert up.min() < -0.9, "down"
    assert up.max() > 0.9, "up"
    assert np.abs(across).max() > 0.9, "across"
    np.testing.assert_allclose(heights(ground), gradient @ PLACES.T, atol=1e-5)


def test_bumps_stay_within_the_height_asked_and_use_much_of_it():
    spread = np.ptp(heights(grounds(bumps=BUMPS)), axis=1)
    assert spread.max() <= 0.02 + 1e-5
    assert spread.min() > 0.01


def test_bumps_are_as_long_as_asked():
    ground = grounds(bumps=BUMPS)
    length = 2 * np.pi / np.linalg.norm(ground.wavenumber, axis=-1)
    assert length.min() >= 0.2 - 1e-4
    assert length.max() <= 1.0 + 1e-4


def test_episodes_differ():
    found = heights(grounds(bumps=BUMPS), PLACES[:50])
    assert np.abs(np.corrcoef(found) - np.eye(64)).mean() < 0.3
    assert len({row.tobytes() for row in found}) == 64


def test_normals_are_those_of_finite_differences():
    ground = jax.tree.map(lambda leaf: leaf[0], grounds(slope=(0.1, 0.1), bumps=BUMPS))
    with jax.enable_x64(True):
        ground = jax.tree.map(lambda leaf: jnp.asarray(leaf, float), ground)
        places, small = jnp.asarray(PLACES[:100]), 1e-5
        steps = small * np.eye(2)
        rise = [
            (height_at(ground, places + d) - height_at(ground, places - d)) / 2 / small
            for d in steps
        ]
        expected = np.stack([-rise[0], -rise[1], np.ones(100)], axis=1)
        expected /= np.linalg.norm(expected, axis=1, keepdims=True)
        np.testing.assert_allclose(normal_at(ground, places), expected, atol=1e-8)


def test_planes_touch_the_ground_with_its_normal_as_their_z_axis():
    ground = jax.tree.map(lambda leaf: leaf[3], grounds(slope=(0.2, 0.2), bumps=BUMPS))
    places = jnp.asarray(PLACES[:100])
    positions, quats = planes_under(ground, places)
    np.testing.assert_allclose(positions[:, :2], places)
    np.testing.assert_allclose(positions[:, 2], height_at(ground, places))
    back = np.asarray(quats) * [1, -1, -1, -1]  # up in the frame of the inverse turn is z in ours
    np.testing.assert_allclose(up_vector(back, np), normal_at(ground, places), atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(quats, axis=1), 1.0, rtol=1e-6)


def test_heights_of_a_context_are_above_the_ground_below(puppet, start):
    context = puppet.env.context(start.pipeline_state)
    ground = jax.tree.map(lambda leaf: leaf[0], grounds(slope=(0.2, 0.2)))
    feet = jnp.array([[0.5, 0.1, 0.3], [0.4, -0.1, 0.2]])
    place = jnp.array([0.45, 0.02])
    seen = above(context._replace(height=0.6, foot_positions=feet), ground, place)
    rise = np.asarray(ground.gradient)
    assert float(seen.height) == pytest.approx(0.6 - float(place @ rise), abs=1e-6)
    np.testing.assert_allclose(
        seen.foot_positions[:, 2], feet[:, 2] - feet[:, :2] @ rise, atol=1e-6
    )
    np.testing.assert_array_equal(seen.foot_positions[:, :2], feet[:, :2])
