"""Joints read in turns: what the environment knows is what a robot on a slow bus gives."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wildrobot_cli.env.encoders import draw_reads, read_half
from wildrobot_cli.runtime.control.estimator import Estimator
from wildrobot_cli.runtime.observing.clock import Clock
from wildrobot_cli.runtime.observing.observations import Part
from wildrobot_cli.runtime.robots.bus_robot import BusRobot
from wildrobot_cli.runtime.robots.calibration import Calibration
from wildrobot_cli.runtime.robots.imu import ImuReading

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


@pytest.fixture(scope="module")
def description(robot):
    """As much of a bundle's as the estimator and the bus read."""
    joints = SimpleNamespace(
        names=robot.joint_names,
        lower=robot.lower,
        upper=robot.upper,
        home_position=robot.home_qpos[robot.qpos_ids],
    )
    return SimpleNamespace(
        joints=joints,
        heading_joint=robot.heading_joint,
        control_period=DT,
        clock=Clock((0.0,), (1.6,)),
        parts={"joint_positions": Part(), "joint_velocities": Part()},
    )


def test_environment_knows_what_the_runtime_makes_of_a_bus(episode, description, monkeypatch):
    known, reads = episode
    joints, limits = description.joints, (description.joints.lower, description.joints.upper)
    servos = (np.arange(11), np.full(11, 500), np.ones(11, int))
    mounted = Calibration("wildrobot", joints.names, *servos, *limits)
    imu = ImuReading(np.zeros(3), np.array([1.0, 0.0, 0.0, 0.0]), news=True)
    bus = SimpleNamespace(beat=lambda: True)
    robot = BusRobot(mounted, DT, bus, SimpleNamespace(read=lambda: imu), lambda: 0.0)
    angles = ANGLES[0]
    monkeypatch.setattr(robot, "_ask", lambda joint, deadline: angles[joint])
    # The bus reads until every joint is known, and on to the turn in which the episode begins.
    for _ in range(2 + int(reads.read_at[0, 1] == 0)):
        sensors = robot.read(1.0)
    estimator = Estimator(description)
    estimator.start(sensors)
    for step, angles in enumerate(ANGLES[1:], 1):  # noqa: B007  (the bus reads it)
        seen = estimator.observe(robot.read(1.0), np.zeros(3))
        estimator.acted(np.zeros(11, np.float32))
        speeds = (known[step] - reads.before[step]) / reads.elapsed[step]
        home = description.joints.home_position
        np.testing.assert_allclose(seen, np.concatenate([known[step] - home, speeds]), atol=1e-3)
        np.testing.assert_allclose(seen[:11], known[step] - home, atol=1e-6)
