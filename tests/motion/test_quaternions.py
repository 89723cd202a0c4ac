import mujoco
import numpy as np
import pytest

from wildrobot_cli.motion.quaternions import (
    about,
    conjugate,
    from_vector,
    multiply,
    rotate,
    slerp,
    to_vector,
)


@pytest.fixture
def some():
    values = np.random.default_rng(0).normal(size=(20, 4))
    return values / np.linalg.norm(values, axis=-1, keepdims=True)


def test_products_and_rotations_are_mujocos(some):
    product, turned = np.zeros(4), np.zeros(3)
    for a, b in zip(some[:10], some[10:], strict=True):
        mujoco.mju_mulQuat(product, a, b)
        np.testing.assert_allclose(multiply(a, b), product, atol=1e-12)
        mujoco.mju_rotVecQuat(turned, b[1:], a)
        np.testing.assert_allclose(rotate(a, b[1:]), turned, atol=1e-12)


def test_a_rotation_and_its_opposite_cancel(some):
    np.testing.assert_allclose(to_vector(multiply(some, conjugate(some))), 0, atol=1e-7)


def test_rotation_vectors_there_and_back(some):
    vectors = to_vector(some)
    same = from_vector(vectors)
    np.testing.assert_allclose(np.abs((same * some).sum(-1)), 1, atol=1e-12)
    assert np.linalg.norm(vectors, axis=-1).max() <= np.pi + 1e-9


def test_slerp_starts_at_one_end_and_ends_at_the_other(some):
    a, b = some[:10], some[10:]
    for share, wanted in ((0.0, a), (1.0, b)):
        found = slerp(a, b, np.full(10, share))
        np.testing.assert_allclose(np.abs((found * wanted).sum(-1)), 1, atol=1e-9)


def test_slerp_turns_evenly():
    start, end = about("y", np.array(0.2)), about("y", np.array(1.0))
    np.testing.assert_allclose(
        slerp(start, end, np.array(0.25)), about("y", np.array(0.4)), atol=1e-12
    )
