"""A physics state read in plain terms, for any robot: frames, feet, and where its root stands."""

import jax.numpy as jnp
import numpy as np
import pytest
from puppet import turn

from wildrobot_cli import load_robot
from wildrobot_cli.env.context import Task, read_context
from wildrobot_cli.physics.protocol import PhysicsState

BALL = '<body name="ball" pos="9 9 9"><freejoint/><geom type="sphere" size="0.1" mass="1"/></body>'


@pytest.fixture(scope="module")
def second(root, tmp_path_factory):
    """The robot in a world in which a loose ball comes first."""
    folder = tmp_path_factory.mktemp("robot")
    text = (root / "assets" / "wildrobot.xml").read_text()
    text = text.replace('<body name="waist"', f'{BALL}\n<body name="waist"', 1)
    text = text.replace('qpos="0 0 0.47727', 'qpos="9 9 9 1 0 0 0 0 0 0.47727', 1)
    (folder / "wildrobot.xml").write_text(text)
    (folder / "wildrobot.yaml").write_text((root / "assets" / "wildrobot.yaml").read_text())
    return load_robot(str(folder / "wildrobot.yaml"))


def read(robot, heading_target=0.0, **sensors):
    """A context of a robot turned by a quarter, moving, with some sensor values."""
    model = robot.model
    qpos, qvel, data = robot.home_qpos.copy(), np.zeros(model.nv), np.zeros(model.nsensordata)
    qpos[robot.root_qpos] = 1.0, 2.0, 0.45, *turn(np.pi / 2)
    qvel[robot.root_qvel] = -0.2, 0.3, 0.1, 0.4, 0.5, 0.6
    qpos[robot.qpos_ids] += 0.1
    qvel[robot.qvel_ids] = 2.0
    for place, value in sensors.values():
        data[place] = value
    values = (qpos, qvel, qvel, data, np.full(model.nu, 3.0), np.zeros(()))
    physics = PhysicsState(*map(jnp.asarray, values), jnp.ones((), bool))
    zeros = jnp.zeros(model.nu)
    heading, force, latency = map(jnp.asarray, (heading_target, [-10.0, 5.0], 0.02))
    asked = jnp.zeros(3), heading, jnp.pi, zeros, zeros
    task = Task(*asked, zeros + 0.5, 0.4, force, latency)
    return read_context(robot, physics, task)


@pytest.mark.parametrize("name", ["robot", "second"])
def test_root_is_read_in_its_own_frames(name, request):
    robot = request.getfixturevalue(name)
    context = read(robot)
    np.testing.assert_allclose(context.velocity, [0.3, 0.2], atol=1e-6)
    np.testing.assert_allclose(context.vertical_velocity, 0.1, atol=1e-6)
    np.testing.assert_allclose(context.angular_velocity, [0.4, 0.5, 0.6], atol=1e-6)
    np.testing.assert_allclose(context.up, [0, 0, 1], atol=1e-6)
    np.testing.assert_allclose(context.height, 0.45, atol=1e-6)
    np.testing.assert_allclose(context.heading, np.pi / 2, atol=1e-6)
    np.testing.assert_allclose(context.joint_positions, 0.1, atol=1e-6)
    np.testing.assert_allclose(context.joint_velocities, 2.0, atol=1e-6)
    np.testing.assert_allclose(context.torque, 3.0 - 0.5 * 2.0, atol=1e-6)
    np.testing.assert_allclose(context.push * robot.weight, [5.0, 10.0], atol=1e-5)


def test_ball_comes_before_the_robot(second):
    assert (second.root_qpos, second.root_qvel) == (slice(7, 14), slice(6, 12))


@pytest.mark.parametrize(
    ("target", "error"), [(2.0, 2.0 - np.pi / 2), (-3.0, -3.0 + 1.5 * np.pi), (50.0, None)]
)
def test_heading_error_is_the_short_way_round(robot, target, error):
    value = float(read(robot, heading_target=target).heading_error)
    expected = np.angle(np.exp(1j * (target - np.pi / 2))) if error is None else error
    assert value == pytest.approx(expected, abs=1e-5)


def test_feet_are_left_and_right(robot):
    left, right = robot.feet.left, robot.feet.right
    context = read(
        robot,
        a=(left.position, [1, 2, 3]),
        b=(right.position, [4, 5, 6]),
        c=(left.velocity, [7, 8, 9]),
        d=(right.velocity, [10, 11, 12]),
        e=(left.up, [0, 0, 1]),
        f=(right.up, [1, 0, 0]),
        g=(left.switches[0], robot.weight / 2),
        h=(left.switches[1], robot.weight),
        i=(right.switches[1], robot.weight / 4),
    )
    np.testing.assert_allclose(context.foot_positions, [[1, 2, 3], [4, 5, 6]])
    np.testing.assert_allclose(context.foot_velocities, [[7, 8, 9], [10, 11, 12]])
    np.testing.assert_allclose(context.foot_up, [[0, 0, 1], [1, 0, 0]])
    np.testing.assert_allclose(context.foot_forces, [1.5, 0.25], rtol=1e-6)
    np.testing.assert_allclose(context.foot_swing, [0.5, 0.0], atol=1e-6)
