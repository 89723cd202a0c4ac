"""Joints read in turns: what the environment knows is what a robot on a slow bus gives."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wildrobot_cli.env.encoders import draw_reads, read_half
from wildrobot_cli.runtime.bus_robot import BusRobot
from wildrobot_cli.runtime.estimator import Estimator

DT, STEPS = 0.02, 12
ANGLES = np.cumsum(np.random.default_rng(0).normal(0, 0.02, (STEPS + 1, 11)), axis=0)


@pytest.fixture(scope="module", params=[0, 1], ids=["first turn", "second turn"])
def episode(request):
    """What is known after each step of an episode that begins in either turn of the bus."""
    draw = jax.vmap(lambda key: draw_reads(key, jnp.asarray(ANGLES[0]), DT))
    starts = draw(jax.random.split(jax.random.PRNGKey(0), 16))
    first = int(np.argmax(starts.read_at[:, 1] == -request.param))
    reads = jax.tree.map(lambda leaf: leaf[first], starts)
    known, rows, step = jnp.asarray(ANGLES[0]), [], jax.jit(lambda r, k, a: read_half(r, k, a, DT))
    rows.append((known, reads))
    for angles in ANGLES[1:]:
        known, reads = step(reads, known, jnp.asarray(angles))
        rows.append((known, reads))
    return jax.tree.map(lambda *leaves: np.stack(leaves), *rows)


def test_a_period_reads_half_of_the_joints_the_oldest(episode):
    _, reads = episode
    now = np.max(reads.read_at, axis=1)
    np.testing.assert_array_equal(np.diff(now), 1)
    assert ((reads.read_at == now[:, None]).sum(axis=1) == 6).all()
    assert (now[:, None] - reads.read_at).max() == 1


def test_a_joint_that_was_not_read_keeps_its_angle_and_its_speed(episode):
    known, reads = episode
    speed = (known - reads.before) / reads.elapsed
    stale = reads.read_at[1:] < np.max(reads.read_at, axis=1)[1:, None]
    np.testing.assert_array_equal(known[1:][stale], known[:-1][stale])
    np.testing.assert_array_equal(speed[1:][stale], speed[:-1][stale])
    np.testing.assert_allclose(known[1:][~stale], np.float32(ANGLES[1:])[~stale])


def test_speed_is_the_change_between_readings_over_the_time_between_them(episode):
    known, reads = episode
    speed = ((known - reads.before) / reads.elapsed)[-1]
    for joint in range(11):
        last = STEPS - (reads.read_at[-1].max() - reads.read_at[-1, joint])
        before = last - round(float(reads.elapsed[-1, joint]) / DT)
        change = (ANGLES[last, joint] - ANGLES[before, joint]) / ((last - before) * DT)
        assert speed[joint] == pytest.approx(change, rel=1e-3, abs=1e-4)


def bus_robot(description):
    """A robot whose servos answer at once, at the angles that `at` says."""
    robot = BusRobot.__new__(BusRobot)
    robot.at, robot._clock, robot._tick, robot._count, robot._share = None, lambda: 0.0, 0, 11, 6
    robot._angles, robot._read_at = np.zeros(11), np.full(11, -1)
    robot._unanswered = np.zeros(11, int)
    robot._ask = lambda joint, deadline: robot.at[joint]
    imu = SimpleNamespace(gyro=np.zeros(3), orientation=np.array([1.0, 0, 0, 0]))
    robot._imu = SimpleNamespace(read=lambda: imu)
    return robot


def test_environment_knows_what_the_runtime_makes_of_a_bus(episode, bundle):
    known, reads = episode
    description = bundle.description
    robot, estimator = bus_robot(description), Estimator(description)
    robot.at = ANGLES[0]
    # The bus reads until every joint is known, and on to the turn in which the episode begins.
    for _ in range(2 + int(reads.read_at[0, 1] == 0)):
        sensors = robot.read(1.0)
    estimator.start(sensors)
    command = np.zeros(3)
    for step, angles in enumerate(ANGLES[1:], 1):
        robot.at = angles
        estimator.observe(robot.read(1.0), command)
        estimator.acted(np.zeros(11, np.float32))
        speeds = (known[step] - reads.before[step]) / reads.elapsed[step]
        np.testing.assert_allclose(estimator._sensed.encoders, known[step], atol=1e-6)
        np.testing.assert_allclose(estimator.joint_velocities, speeds, atol=1e-3)
