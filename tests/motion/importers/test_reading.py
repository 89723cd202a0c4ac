"""Any recording: which file it is, how much of it there is, which joints it moves."""

import numpy as np
import pytest
from recordings import ANGLE, BVH_JOINTS, FRAMES, SMPL_JOINTS, amass, bvh_text, csv_text, options

from wildrobot_cli.errors import ConfigError
from wildrobot_cli.motion.importers import import_clip, licence_warning
from wildrobot_cli.motion.importers.axes import axis_angles
from wildrobot_cli.motion.quaternions import about, multiply
from wildrobot_cli.motion.storage import save_clip


def test_an_npz_that_is_neither_is_refused(robot, tmp_path):
    np.savez(tmp_path / "walk.npz", a=np.zeros(3))
    with pytest.raises(ConfigError, match="no array 'poses': neither a clip nor AMASS"):
        import_clip(robot, tmp_path / "walk.npz", options())


def test_a_clip_is_imported_as_it_is(robot, tmp_path, swaying):
    save_clip(tmp_path / "own.npz", swaying)
    assert import_clip(robot, tmp_path / "own.npz", options()).licence == swaying.licence


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"unit": "cm"}, "--unit"),
        ({"joints": {"left_knee_pitch": "left_knee.y"}}, "--joint"),
        ({"scale": 0.5}, "--scale"),
    ],
)
def test_what_would_change_a_clip_is_refused_by_name(robot, tmp_path, swaying, changes, name):
    save_clip(tmp_path / "own.npz", swaying)
    with pytest.raises(
        ConfigError, match=f"is a clip already and stays as it is: leave out {name}"
    ):
        import_clip(robot, tmp_path / "own.npz", options(**changes))


@pytest.mark.parametrize("name", ["walk.bvh", "walk.npz", "walk.json", "walk.csv"])
def test_a_file_that_is_not_of_its_type_is_refused(robot, tmp_path, name):
    (tmp_path / name).write_bytes(b"\x89PNG\r\n\x1a\n\x00\xff")
    with pytest.raises(ConfigError, match="not a BVH file|not an .npz file|not JSON|not CSV"):
        import_clip(robot, tmp_path / name, options(unit="m"))


@pytest.mark.parametrize("frames", [0, 1, 9])
def test_a_recording_of_too_few_frames_is_refused_by_its_file(robot, tmp_path, frames):
    head, lines = bvh_text().split("Frame Time:")
    head = head.replace(f"Frames: {FRAMES}", f"Frames: {frames}")
    lines = "\n".join(lines.split("\n")[: frames + 1])
    (tmp_path / "walk.bvh").write_text(f"{head}Frame Time:{lines}")
    body = amass()
    np.savez(tmp_path / "walk.npz", **body | {k: body[k][:frames] for k in ("poses", "trans")})
    table = csv_text(robot).split("\n")[: frames + 1]
    (tmp_path / "walk.csv").write_text("\n".join(table))
    joints = {".bvh": BVH_JOINTS, ".npz": SMPL_JOINTS, ".csv": {}}
    for ending, channels in joints.items():
        path = tmp_path / f"walk{ending}"
        with pytest.raises(ConfigError) as caught:
            import_clip(robot, path, options(channels, unit="cm"))
        assert str(caught.value) == f"{path}: expected 10 frames or more, got {frames}"


def test_an_unknown_ending_lists_the_known_ones(robot, tmp_path):
    with pytest.raises(
        ConfigError, match=r"expected an ending of .bvh, .csv, .json, .npz, .txt, got .fbx"
    ):
        import_clip(robot, tmp_path / "walk.fbx", options())


def test_a_channel_can_be_turned_round_and_scaled(robot, tmp_path):
    (tmp_path / "walk.csv").write_text(csv_text(robot))
    joints = {"right_knee_pitch": "-left_knee_pitch"}
    clip = import_clip(robot, tmp_path / "walk.csv", options(joints, scale=0.5))
    knee = robot.joint_names.index("right_knee_pitch")
    np.testing.assert_allclose(clip.joint_angles[:, knee], -ANGLE, atol=1e-6)
    np.testing.assert_allclose(clip.root_position[-1], [0.25, 0.0, 0.45], atol=1e-6)


def test_a_joint_that_the_robot_lacks_is_named(robot, tmp_path):
    (tmp_path / "walk.csv").write_text(csv_text(robot))
    with pytest.raises(
        ConfigError, match="--joint left_kne: no such joint of 'wildrobot'; did you mean"
    ):
        import_clip(robot, tmp_path / "walk.csv", options({"left_kne": "x"}))


def test_axis_angles_are_pitch_roll_and_yaw():
    turned = multiply(
        multiply(about("y", np.array([0.4])), about("x", np.array([0.2]))),
        about("z", np.array([0.1])),
    )
    found = axis_angles("hip", turned)
    assert [float(found[f"hip.{axis}"][0]) for axis in "yxz"] == pytest.approx([0.4, 0.2, 0.1])


@pytest.mark.parametrize("licence", ["CC-BY-NC-4.0", "CC BY-ND 4.0", "non-commercial use only"])
def test_restricted_licences_are_warned_about(licence):
    assert "may fall under it" in licence_warning(licence)


@pytest.mark.parametrize("licence", ["CC-BY-4.0", "MIT", "Apache-2.0", "found in Hanover"])
def test_free_licences_are_not(licence):
    assert licence_warning(licence) is None
