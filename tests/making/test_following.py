from dataclasses import replace

import mujoco
import numpy as np
import pytest

from wildrobot_cli.making.following import Follower, load_shares
from wildrobot_cli.making.planning import standing
from wildrobot_cli.making.replaying import motion_of


@pytest.fixture(scope="module")
def motion(robot, recipe, limits, walk):
    return motion_of(robot, recipe, limits, walk)


@pytest.fixture(scope="module")
def realised(robot, recipe, motion):
    return Follower(robot, motion, recipe.gains, recipe.substeps).run()


def test_a_packaged_walk_is_walked_again(motion, realised):
    assert realised.finished
    away = np.linalg.norm(realised.qpos[:, :3] - motion.qpos[::2, :3], axis=-1)
    assert away.max() < 0.03


def test_it_is_the_same_twice(robot, recipe, motion, realised):
    again = Follower(robot, motion, recipe.gains, recipe.substeps).run()
    np.testing.assert_array_equal(again.qpos, realised.qpos)


def test_the_states_are_those_of_the_servos_alone(robot, recipe, motion):
    """Replaying the targets in a bare simulation gives the same states: nothing else pushed."""
    follower = Follower(robot, motion, recipe.gains, recipe.substeps)
    targets, data = [], mujoco.MjData(robot.model)
    original = follower._targets
    follower._targets = lambda sample: targets.append(original(sample)) or targets[-1]
    found = follower.run()
    data.qpos[:], data.qvel[:] = found.qpos[0], found.qvel[0]
    for ctrl in targets:
        assert not data.xfrc_applied.any()
        assert not data.qfrc_applied.any()
        data.ctrl[:] = ctrl
        mujoco.mj_step(robot.model, data, recipe.substeps)
    np.testing.assert_allclose(data.qpos, found.qpos[-1], atol=1e-6)


def test_torques_stay_on_the_servos_line(robot, realised):
    limit = robot.torque_limit - robot.damping * np.sign(realised.torque) * realised.speed
    assert (np.abs(realised.torque) <= limit + 1e-9).all()


def test_standing_bears_the_weight_on_both_feet(robot, recipe):
    done = Follower(robot, standing(robot, recipe), recipe.gains, recipe.substeps).run()
    assert done.load[-1].sum() == pytest.approx(robot.weight, rel=1e-3)
    assert done.load[-1, 0] == pytest.approx(done.load[-1, 1], rel=1e-3)


def test_feedback_brings_a_disturbed_robot_back(robot, recipe):
    motion = standing(robot, recipe)
    pushed = np.array(motion.dynamics.qvel)
    pushed[0, 0] = 0.25
    disturbed = replace(motion, dynamics=replace(motion.dynamics, qvel=pushed))
    done = Follower(robot, disturbed, recipe.gains, recipe.substeps).run()
    assert done.finished
    assert np.abs(done.qpos[-1, :2] - motion.qpos[0, :2]).max() < 0.01
    idle = recipe.gains.model_copy(update={"capture": 0.0, "attitude": 0.0, "attitude_rate": 0.0})
    alone = Follower(robot, disturbed, idle, recipe.substeps).run()
    drift = np.abs(alone.qpos[-1, :2] - motion.qpos[0, :2]).max()
    assert drift > np.abs(done.qpos[-1, :2] - motion.qpos[0, :2]).max()


def test_a_motion_off_its_feet_falls(robot, recipe):
    motion = standing(robot, recipe)
    qpos = np.array(motion.qpos)
    qpos[:, 3:7] = [np.cos(0.3), 0.0, np.sin(0.3), 0.0]
    done = Follower(robot, replace(motion, qpos=qpos), recipe.gains, recipe.substeps).run()
    assert not done.finished


def test_the_load_moves_with_the_centre_of_pressure(motion):
    share = load_shares(motion)
    np.testing.assert_allclose(share.sum(axis=1), 1.0)
    single = motion.bearing.sum(axis=1) == 1
    np.testing.assert_array_equal(share[single], motion.bearing[single])
