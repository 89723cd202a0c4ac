"""Style is read alike from reference and policy, from either engine, wherever the robot walks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wildrobot_cli import EnvConfig, load_robot
from wildrobot_cli.motion.features import Style
from wildrobot_cli.physics.factory import make_engine

WINDOW = 4


@pytest.fixture(scope="module")
def style(robot):
    return Style.of(robot)


@pytest.fixture(scope="module")
def poses(robot):
    """Random poses all over the place. Shape (WINDOW * 5, nq)."""
    rng = np.random.default_rng(0)
    qpos = np.tile(robot.home_qpos, (5 * WINDOW, 1))
    qpos[:, robot.qpos_ids] = rng.uniform(robot.lower, robot.upper, (len(qpos), 11))
    qpos[:, :3] += rng.normal(size=(len(qpos), 3))
    quat = rng.normal(size=(len(qpos), 4))
    qpos[:, 3:7] = quat / np.linalg.norm(quat, axis=1, keepdims=True)
    return qpos


def soles_by_engine(name, robot, poses):
    engine = make_engine(robot, EnvConfig.from_file("ppo.yaml", (f"env.engine={name}",)))
    still, ctrl = jnp.zeros(robot.model.nv), jnp.asarray(robot.home_ctrl)
    start = jax.jit(jax.vmap(lambda qpos: engine.init({}, qpos, still, ctrl)))
    state = jax.device_get(start(jnp.asarray(poses)))
    feet = (robot.feet.left, robot.feet.right)
    return state.qpos, np.stack([state.sensordata[:, foot.position] for foot in feet], axis=1)


@pytest.mark.parametrize("engine", ["mujoco", pytest.param("mjx", marks=pytest.mark.slow)])
def test_reference_states_in_an_engine_give_the_same_features(engine, robot, style, poses):
    qpos, soles = soles_by_engine(engine, robot, poses)
    np.testing.assert_allclose(style.soles.positions(poses, np), soles, atol=1e-5)
    windows = np.asarray(qpos).reshape(5, WINDOW, -1)
    by_engine = jax.vmap(lambda w: style.features(style.frame(w, jnp), jnp))(jnp.asarray(windows))
    starts = np.arange(5) * WINDOW
    by_library = style.windows(poses, starts, WINDOW)
    np.testing.assert_allclose(by_engine, by_library, atol=1e-5)


def test_features_do_not_depend_on_place_and_heading(style, robot, poses):
    turned = poses.copy()
    half = 0.7 / 2
    turn = np.array([np.cos(half), 0.0, 0.0, np.sin(half)])
    w, x, y, z = (turned[:, 3 + i].copy() for i in range(4))
    turned[:, 3] = turn[0] * w - turn[3] * z
    turned[:, 4] = turn[0] * x - turn[3] * y
    turned[:, 5] = turn[0] * y + turn[3] * x
    turned[:, 6] = turn[0] * z + turn[3] * w
    c, s = np.cos(0.7), np.sin(0.7)
    turned[:, :2] = poses[:, :2] @ np.array([[c, s], [-s, c]]) + np.array([3.0, -2.0])
    starts = np.arange(5) * WINDOW
    moved, here = (style.windows(q, starts, WINDOW) for q in (turned, poses))
    np.testing.assert_allclose(moved, here, atol=1e-12)


def test_ground_that_rises_with_the_robot_changes_nothing(style, poses):
    raised = poses.copy()
    raised[:, 2] += 0.3
    here, above = (
        style.frame(poses, np),
        style.above(style.frame(raised, np), lambda places: np.full(places.shape[:-1], 0.3), np),
    )
    np.testing.assert_allclose(above, here, atol=1e-12)


def test_heights_are_above_the_ground_below_each_part(style, poses):
    frames, slope = style.frame(poses, np), np.array([0.2, -0.1])
    above = style.above(frames, lambda places: places @ slope, np)
    soles = style.soles.positions(poses, np)
    lowered = np.concatenate([poses[:, None, :3], soles], axis=1)
    lowered = lowered[..., 2] - lowered[..., :2] @ slope
    heights = [3, 8, 11]  # root, left and right sole
    np.testing.assert_allclose(above[:, heights], lowered, atol=1e-12)
    others = np.delete(np.arange(frames.shape[1]), heights)
    np.testing.assert_array_equal(above[:, others], frames[:, others])


def test_names_are_those_of_the_last_frame(style, robot, poses):
    features = style.windows(poses, np.array([0]), WINDOW)[0]
    last = dict(zip(style.names, features[-len(style.names) :], strict=True))
    assert len(features) == WINDOW * len(style.names)
    pose = poses[WINDOW - 1]
    assert last["height"] == pose[2]
    for joint, angle in zip(robot.joint_names, pose[robot.qpos_ids], strict=True):
        assert last[joint] == angle


@pytest.mark.parametrize("fault", ["joints swapped", "one joint mirrored", "soles left out"])
def test_features_notice(fault, robot, style, poses):
    """What is made impossible: features that read the two sides differently would pass this by."""
    wrong = poses.copy()
    ids = robot.qpos_ids
    if fault == "joints swapped":
        wrong[:, ids[[1, 3]]] = poses[:, ids[[3, 1]]]
    elif fault == "one joint mirrored":
        wrong[:, ids[2]] *= -1
    else:
        wrong[:, ids] = 0.0
    starts = np.arange(5) * WINDOW
    gap = style.windows(wrong, starts, WINDOW) - style.windows(poses, starts, WINDOW)
    assert np.abs(gap).max() > 0.05


def test_biped_of_another_make_has_features_too(biped):
    robot = load_robot(biped)
    style = Style.of(robot)
    data = style.soles.positions(robot.home_qpos, np)
    assert style.names[9:] == robot.joint_names
    np.testing.assert_allclose(data[0] - data[1], [0, 0.1, 0], atol=1e-9)
