import numpy as np
import pytest

from wildrobot_cli.commands.motion import make
from wildrobot_cli.errors import ConfigError
from wildrobot_cli.making.clips import Unrealised, make_clips
from wildrobot_cli.making.planning import plan
from wildrobot_cli.making.posing import BodyPlan, poses
from wildrobot_cli.motion.kinematics import kinematics
from wildrobot_cli.motion.library import motion_dir

mink = pytest.importorskip("mink")


@pytest.fixture(scope="module")
def short(recipe):
    """The packaged recipe with a short walk."""
    return recipe.model_copy(update={"strides": 2, "kept": 1, "ramp": (0.4, 0.7)})


@pytest.fixture(scope="module")
def planned(robot, short):
    return plan(robot, short, "walk_015")


def test_a_plan_is_balanced(planned):
    """The true centre of pressure is the planned one, within the sole's half width."""
    error = np.abs(planned.feet.pressure - planned.motion.dynamics.pressure)
    assert error.max() < 0.01


def test_a_plan_puts_its_soles_where_they_belong(robot, planned, limits):
    space = kinematics(robot, planned.motion.qpos)
    np.testing.assert_allclose(space.soles, planned.feet.soles, atol=1e-4)
    assert -space.lowest.min() < limits.planned_penetration


def test_a_plan_keeps_its_knees_bent(robot, planned):
    steady = planned.motion.qpos[len(planned.motion.qpos) // 2 :]
    knees = [robot.qpos_ids[robot.joint_names.index(f"{s}_knee_pitch")] for s in ("left", "right")]
    assert steady[:, knees].min() > 0.15


def test_a_walk_is_cut_into_start_loop_and_stop(robot, short):
    clips = {clip.name: clip for clip in make_clips(robot, short, "walk_015")}
    start, loop, stop = (clips["walk_015" + end] for end in ("_start", "", "_stop"))
    assert loop.loop
    np.testing.assert_allclose(loop.joint_angles[0], start.joint_angles[-1])
    np.testing.assert_allclose(loop.joint_angles[-1], stop.joint_angles[0])
    assert start.command[0, 0] < 0.1 * loop.command[0, 0]
    assert stop.command[-1, 0] < 0.1 * loop.command[0, 0]
    assert loop.command[0, 0] == pytest.approx(0.15, rel=0.02)
    assert np.diff(loop.phase) == pytest.approx(2 * np.pi * loop.frequency / loop.fps)


def test_a_walk_that_falls_is_an_error(robot, short):
    walk = short.walks["walk_015"].model_copy(update={"style": {"pressure": (-0.01, -0.05)}})
    with pytest.raises(Unrealised, match=r"^x: time upright \[s\]: expected at least .*, got "):
        make_clips(robot, short.model_copy(update={"walks": {"x": walk}}), "x")


def assert_as_packaged(folder, names):
    """Another kind of processor rounds differently: by 5e-11 rad/s at most, between two of them."""
    assert {path.name for path in folder.iterdir()} == set(names)
    for name in names:
        made, packaged = (dict(np.load(place / name)) for place in (folder, motion_dir()))
        assert made.keys() == packaged.keys()
        for key, values in packaged.items():
            assert (made[key].dtype, made[key].shape) == (values.dtype, values.shape)
            if values.dtype.kind == "f":
                np.testing.assert_allclose(made[key], values, rtol=0, atol=1e-9, err_msg=name)
            else:
                np.testing.assert_array_equal(made[key], values, err_msg=name)


def test_standing_is_made_as_it_is_packaged_and_twice_bit_for_bit(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        make(None, folder, ["stand"], lambda _: None)
    assert (first / "stand.npz").read_bytes() == (second / "stand.npz").read_bytes()
    assert_as_packaged(first, ["stand.npz"])


@pytest.mark.slow
def test_the_packaged_library_can_be_made_again(tmp_path):
    verdicts = make(None, tmp_path, [], lambda _: None)
    assert all(verdict.passed for verdict in verdicts)
    assert_as_packaged(tmp_path, [path.name for path in motion_dir().glob("*.npz")])


def test_an_unknown_walk_gets_the_nearest_name(tmp_path):
    with pytest.raises(ConfigError, match="no walk 'walk_02'; did you mean 'walk_02"):
        make(None, tmp_path, ["walk_02"], lambda _: None)


def test_postures_reach_what_they_are_asked_for(robot, planned):
    rows = slice(100, 103)
    feet = planned.feet
    names = ("soles", "pitch", "bearing", "pressure", "clock")
    part = type(feet)(*(getattr(feet, name)[rows] for name in names))
    com = planned.motion.dynamics.com[rows, :2]
    height = planned.motion.qpos[rows, 2]
    found = poses(robot, part, BodyPlan(com, height, np.full(3, 0.05)))
    np.testing.assert_allclose(found[:, robot.qpos_ids[robot.heading_joint]], 0.05, atol=1e-3)
    np.testing.assert_allclose(found[:, 2], height, atol=1e-4)
