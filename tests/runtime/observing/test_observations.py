"""What trains and what runs see the same: every term and rotation on numpy and on jax."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest

from wildrobot_cli.runtime.observing import observations, rotations
from wildrobot_cli.runtime.observing.observations import (
    MEANINGS,
    TERMS,
    Part,
    Readings,
    observe,
    quantize,
)

JOINTS = 11
SIZES = {
    "gyro": 3,
    "up_vector": 3,
    "heading_error": 1,
    "command": 3,
    "phase": 2,
    "joint_positions": JOINTS,
    "joint_velocities": JOINTS,
    "last_action": JOINTS,
}


@pytest.fixture(autouse=True)
def double_precision():
    with jax.enable_x64(True):
        yield


def readings(*batch: int) -> Readings:
    rng = np.random.default_rng(0)
    shapes = [(3,), (3,), (), (3,), (), (JOINTS,), (JOINTS,), (JOINTS,)]
    return Readings(*(rng.normal(size=(*batch, *shape)) for shape in shapes))


def on_jax(values):
    return jax.tree.map(jnp.asarray, values)


def quaternions(count=1000) -> np.ndarray:
    quats = np.random.default_rng(0).normal(size=(count, 4))
    return quats / np.linalg.norm(quats, axis=1, keepdims=True)


# --- observations


def test_every_term_is_tested():
    assert set(SIZES) == set(TERMS)
    assert set(MEANINGS) == set(TERMS)
    assert set(Readings._fields) == set(SIZES) - {"up_vector"} | {"up"}


@pytest.mark.parametrize("name", TERMS)
@pytest.mark.parametrize("batch", [(), (4,)], ids=["one", "batch"])
def test_term_is_the_same_on_numpy_and_jax(name, batch):
    given = readings(*batch)
    ours = TERMS[name](given, np)
    theirs = jax.jit(lambda values: TERMS[name](values, jnp))(on_jax(given))
    assert ours.shape == theirs.shape == (*batch, SIZES[name])
    assert isinstance(ours, np.ndarray)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-15)


def test_terms_are_the_readings_of_their_names():
    given = readings()
    for name in set(SIZES) - {"up_vector", "phase", "heading_error"}:
        np.testing.assert_array_equal(TERMS[name](given, np), getattr(given, name))
    np.testing.assert_array_equal(TERMS["up_vector"](given, np), given.up)
    np.testing.assert_array_equal(TERMS["heading_error"](given, np), [given.heading_error])
    phase = given._replace(phase=np.array(np.pi / 6))
    np.testing.assert_allclose(TERMS["phase"](phase, np), [np.sqrt(0.75), 0.5])


def test_observation_is_the_scaled_terms_in_the_configured_order():
    given = readings()
    terms = {"joint_velocities": Part(0.1), "phase": Part(), "gyro": Part(-2.0)}
    parts = [0.1 * given.joint_velocities, TERMS["phase"](given, np), -2.0 * given.gyro]
    expected = np.concatenate(parts)
    np.testing.assert_allclose(observe(terms, given, None, np), expected, rtol=1e-15)
    np.testing.assert_allclose(observe(terms, on_jax(given), None, jnp), expected, rtol=1e-15)


@pytest.mark.parametrize("xp", [np, jnp], ids=["numpy", "jax"])
def test_history_is_what_was_observed_before_the_newest_first(xp):
    terms = {"gyro": Part(2.0, 2), "phase": Part(), "up_vector": Part(1.0, 1)}
    steps, seen = (
        [readings()._replace(gyro=np.full(3, k), up=np.full(3, -k)) for k in range(5)],
        None,
    )
    for given in steps:
        seen = observe(terms, given, seen, xp)
    gyro, phase, up = np.split(np.asarray(seen), [9, 11])
    np.testing.assert_array_equal(gyro, np.repeat([8.0, 6.0, 4.0], 3))
    np.testing.assert_array_equal(phase, TERMS["phase"](steps[4], np))
    np.testing.assert_array_equal(up, np.repeat([-4.0, -3.0], 3))


def test_history_begins_as_if_it_had_always_been_so():
    given = readings()
    seen = observe({"gyro": Part(1.0, 3)}, given, None, np)
    np.testing.assert_array_equal(seen, np.tile(given.gyro, 4))


def test_batch_of_observations_is_each_one():
    terms = dict.fromkeys(TERMS, Part(0.5))
    many = observe(terms, readings(4), None, np)
    for index, row in enumerate(many):
        one = Readings(*(value[index] for value in readings(4)))
        np.testing.assert_array_equal(row, observe(terms, one, None, np))


def test_single_precision_stays_single():
    given = Readings(*(np.float32(value) for value in readings()))
    assert observe(dict.fromkeys(TERMS, Part(0.1, 2)), given, None, np).dtype == np.float32


def test_encoder_reading_is_the_nearest_count():
    angles = np.random.default_rng(0).uniform(-2, 2, 1000)
    read = quantize(angles, 0.00419, np)
    np.testing.assert_allclose(read / 0.00419, np.round(read / 0.00419), atol=1e-9)
    assert np.max(np.abs(read - angles)) <= 0.00419 / 2 + 1e-12
    np.testing.assert_array_equal(quantize(read, 0.00419, np), read)
    np.testing.assert_allclose(quantize(jnp.asarray(angles), 0.00419, jnp), read, atol=1e-15)


@pytest.mark.parametrize("resolution", [0.00419, 0.0015, 2 * np.pi / 4096, 2 * np.pi / 16384])
def test_compiled_encoders_count_as_numpy_does(resolution):
    """On halves between counts, too, where a quotient and a product round apart."""
    counts = np.arange(-4096, 4096) + 0.5
    edges = (counts * resolution).astype(np.float32)
    angles = np.concatenate([np.nextafter(edges, -9), edges, np.nextafter(edges, 9)])
    compiled = jax.jit(lambda a: quantize(a, resolution, jnp))(angles)
    np.testing.assert_array_equal(compiled, quantize(angles, resolution, np))


# --- rotations


def test_up_vector_is_the_world_up_in_the_body_frame():
    quats, matrix = quaternions(), np.empty(9)
    ours = rotations.up_vector(quats, np)
    for quat, up in zip(quats, ours, strict=True):
        mujoco.mju_quat2Mat(matrix, quat)
        np.testing.assert_allclose(up, matrix.reshape(3, 3).T @ [0, 0, 1], atol=1e-12)
    np.testing.assert_allclose(rotations.up_vector(jnp.asarray(quats), jnp), ours, atol=1e-12)


def test_yaw_is_the_direction_of_the_bodys_x_axis():
    quats, matrix = quaternions(), np.empty(9)
    ours = rotations.yaw(quats, np)
    for quat, yaw in zip(quats, ours, strict=True):
        mujoco.mju_quat2Mat(matrix, quat)
        forward = matrix.reshape(3, 3)[:2, 0]
        np.testing.assert_allclose(np.hypot(*forward) * np.cos(yaw), forward[0], atol=1e-12)
        np.testing.assert_allclose(np.hypot(*forward) * np.sin(yaw), forward[1], atol=1e-12)
    np.testing.assert_allclose(rotations.yaw(jnp.asarray(quats), jnp), ours, atol=1e-6)


def test_opposite_quaternions_are_the_same_rotation():
    quats = quaternions()
    for function in (rotations.up_vector, rotations.yaw):
        np.testing.assert_allclose(function(-quats, np), function(quats, np), atol=1e-12)


def test_heading_frame_by_hand_and_back():
    ahead = rotations.to_heading_frame(np.array([0.0, 1.0]), np.array(np.pi / 2), np)
    np.testing.assert_allclose(ahead, [1.0, 0.0], atol=1e-15)
    rng = np.random.default_rng(0)
    vectors, headings = rng.normal(size=(1000, 2)), rng.uniform(-9, 9, 1000)
    turned = rotations.to_heading_frame(vectors, headings, np)
    np.testing.assert_allclose(rotations.to_heading_frame(turned, -headings, np), vectors)
    theirs = rotations.to_heading_frame(jnp.asarray(vectors), jnp.asarray(headings), jnp)
    np.testing.assert_allclose(theirs, turned, atol=1e-12)


@pytest.mark.parametrize("xp", [np, jnp], ids=["numpy", "jax"])
def test_wrapped_angle_is_the_same_angle_in_one_turn(xp):
    angles = xp.asarray(np.random.default_rng(0).uniform(-50, 50, 1000))
    wrapped = rotations.wrap_angle(angles, xp)
    assert (wrapped >= -np.pi).all()
    assert (wrapped < np.pi).all()
    np.testing.assert_allclose(np.exp(1j * np.asarray(wrapped)), np.exp(1j * np.asarray(angles)))
    edges = xp.asarray([0.0, np.pi, -np.pi, 3 * np.pi])
    np.testing.assert_allclose(rotations.wrap_angle(edges, xp), [0, -np.pi, -np.pi, -np.pi])


def test_needs_numpy_alone(root):
    heavy = ("jax", "mujoco", "brax", "flax", "pydantic", "yaml", "wildrobot_cli.config")
    code = (
        f"import sys, {observations.__name__}, {rotations.__name__};"
        f"print([m for m in {heavy!r} if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root
    )
    assert done.stdout.strip() == "[]"
