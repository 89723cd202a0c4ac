import json

import numpy as np
import pytest

from wildrobot_cli.errors import ConfigError
from wildrobot_cli.motion.importers import ImportOptions, import_clip, licence_warning
from wildrobot_cli.motion.importers.axes import axis_angles
from wildrobot_cli.motion.importers.deepmimic import LAYOUT
from wildrobot_cli.motion.quaternions import about, from_vector, multiply
from wildrobot_cli.motion.storage import save_clip

FRAMES = 20
ANGLE = np.linspace(0.0, 0.6, FRAMES)
"""What the left knee does in every file here [rad]."""
OTHERS = {
    name: channel
    for side in ("left", "right")
    for name, channel in {
        f"{side}_hip_pitch": f"{side}_hip.y",
        f"{side}_hip_roll": f"{side}_hip.x",
        f"{side}_ankle_pitch": f"{side}_ankle.y",
        f"{side}_foot_roll": f"{side}_ankle.x",
    }.items()
}


def options(joints=None, **changes):
    return ImportOptions("a test", "CC0-1.0", joints=joints or {}, **changes)


def assert_bends_its_knee(robot, clip, forward=0.5):
    """Left knee as `ANGLE`, all else still, walking `forward` metres along x from the origin."""
    knee = robot.joint_names.index("left_knee_pitch")
    np.testing.assert_allclose(clip.joint_angles[:, knee], ANGLE, atol=1e-6)
    others = np.delete(clip.joint_angles, knee, axis=1)
    np.testing.assert_allclose(others, 0.0, atol=1e-6)
    np.testing.assert_allclose(clip.root_position[0, :2], 0.0, atol=1e-9)
    np.testing.assert_allclose(clip.root_position[-1], [forward, 0.0, 0.9], atol=1e-6)
    np.testing.assert_allclose(clip.root_quaternion, np.tile([1, 0, 0, 0], (FRAMES, 1)), atol=1e-6)
    assert clip.fps == pytest.approx(30.0)


# --- BVH


def bvh_text(channels="Zrotation Xrotation Yrotation", scale=100.0):
    """A pelvis and the robot's joints, y up, walking along z; the left knee bends about x."""
    names = [
        "waist_yaw",
        "left_hip",
        "left_knee",
        "left_ankle",
        "right_hip",
        "right_knee",
        "right_ankle",
    ]
    head = [
        "HIERARCHY",
        "ROOT pelvis",
        "{",
        "OFFSET 0 0 0",
        f"CHANNELS 6 Xposition Yposition Zposition {channels}",
    ]
    for name in names:
        head += [f"JOINT {name}", "{", "OFFSET 0 0 0", f"CHANNELS 3 {channels}", "}"]
    head += ["}", "MOTION", f"Frames: {FRAMES}", f"Frame Time: {1 / 30:.9f}"]
    axis = channels.split().index("Xrotation")
    lines = []
    for k, angle in enumerate(ANGLE):
        line = np.zeros(6 + 3 * len(names))
        line[:3] = [0, 0.9 * scale, 0.5 * scale * k / (FRAMES - 1)]
        line[6 + 3 * 2 + axis] = np.degrees(angle)
        lines.append(" ".join(f"{value:.9f}" for value in line))
    return "\n".join(head + lines)


BVH_JOINTS = OTHERS | {
    "waist_yaw": "waist_yaw.z",
    "left_knee_pitch": "left_knee.y",
    "right_knee_pitch": "right_knee.y",
}


@pytest.mark.parametrize(
    "channels", ["Zrotation Xrotation Yrotation", "Yrotation Zrotation Xrotation"]
)
@pytest.mark.parametrize(("unit", "scale"), [("cm", 100.0), ("m", 1.0)])
def test_bvh_in_any_unit_and_channel_order(robot, tmp_path, channels, unit, scale):
    file = tmp_path / "walk.bvh"
    file.write_text(bvh_text(channels, scale))
    clip = import_clip(robot, file, options(BVH_JOINTS, unit=unit))
    assert_bends_its_knee(robot, clip)


def test_bvh_rotations_apply_in_the_order_of_their_channels(robot, tmp_path):
    from wildrobot_cli.motion.importers.bvh import Joint, _rotation

    line = np.array([[30.0, 40.0]])
    found = _rotation(Joint("j", ("Zrotation", "Xrotation"), 0), line)
    expected = multiply(about("z", np.radians(30.0)), about("x", np.radians(40.0)))
    np.testing.assert_allclose(found[0], expected, atol=1e-12)


@pytest.mark.parametrize("unit", [None, "inch"])
def test_bvh_needs_a_declared_unit(robot, tmp_path, unit):
    (tmp_path / "walk.bvh").write_text(bvh_text())
    with pytest.raises(ConfigError, match="--unit: expected m or cm, got"):
        import_clip(robot, tmp_path / "walk.bvh", options(BVH_JOINTS, unit=unit))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("not a motion", "expected 'HIERARCHY' at the start"),
        ("HIERARCHY ROOT a", "the hierarchy breaks off at 'a'"),
        ("HIERARCHY MOTION", "without joints"),
        (bvh_text().replace("Frame Time", "Frame"), "expected 'Frames:', 'Frame Time:'"),
        (
            bvh_text().replace(f"Frames: {FRAMES}", "Frames: 21"),
            "expected 21 frames of 27 channels",
        ),
        (bvh_text().replace("Xrotation", "Wrotation"), "unknown channel 'Wrotation'"),
    ],
)
def test_broken_bvh_is_refused(robot, tmp_path, text, message):
    (tmp_path / "walk.bvh").write_text(text)
    with pytest.raises(ConfigError, match=message):
        import_clip(robot, tmp_path / "walk.bvh", options(BVH_JOINTS, unit="cm"))


# --- AMASS and SMPL


def amass(**changes):
    """A body that walks along y of a z-up world; its own frame is y up, z forward."""
    poses = np.zeros((FRAMES, 156))
    upright, north = from_vector(np.array([np.pi / 2, 0, 0])), about("z", np.array(np.pi))
    from wildrobot_cli.motion.quaternions import to_vector

    poses[:, :3] = to_vector(multiply(north, upright))
    poses[:, 3 * 4] = ANGLE
    trans = np.stack([0 * ANGLE, 0.5 * np.linspace(0, 1, FRAMES), 0.9 + 0 * ANGLE], axis=-1)
    return {"poses": poses, "trans": trans, "mocap_framerate": 30.0} | changes


SMPL_JOINTS = BVH_JOINTS | {"waist_yaw": "spine1.z"}


def test_amass_turns_into_the_robots_frame(robot, tmp_path):
    np.savez(tmp_path / "walk.npz", **amass())
    clip = import_clip(robot, tmp_path / "walk.npz", options(SMPL_JOINTS))
    assert_bends_its_knee(robot, clip)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"poses": np.zeros((FRAMES, 10))}, "poses: expected shape"),
        ({"poses": np.zeros((3, 156))}, "poses: expected shape"),
        ({"trans": np.zeros((FRAMES, 2))}, "trans: expected shape"),
        ({"trans": np.full((FRAMES, 3), np.nan)}, "root_position: frame 0: expected finite"),
        ({"mocap_framerate": "fast"}, "mocap_framerate: expected a number"),
    ],
)
def test_broken_amass_is_refused(robot, tmp_path, changes, message):
    np.savez(tmp_path / "walk.npz", **amass(**changes))
    with pytest.raises(ConfigError, match=message):
        import_clip(robot, tmp_path / "walk.npz", options(SMPL_JOINTS))


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


# --- DeepMimic


def deepmimic(**changes):
    """A humanoid, y up, x forward, whose knee bends by a negative angle."""
    rows = []
    for k, angle in enumerate(ANGLE):
        row = [1 / 30, 0.5 * k / (FRAMES - 1), 0.9, 0.0, 1.0, 0.0, 0.0, 0.0]
        for name, size in LAYOUT:
            row += [1.0, 0.0, 0.0, 0.0] if size == 4 else [-angle if name == "left_knee" else 0.0]
        rows.append(row)
    return {"Loop": "wrap", "Frames": rows} | changes


MIMIC_JOINTS = OTHERS | {
    "waist_yaw": "chest.z",
    "left_knee_pitch": "left_knee",
    "right_knee_pitch": "right_knee",
}


def test_deepmimic_knees_bend_the_robots_way(robot, tmp_path):
    (tmp_path / "walk.json").write_text(json.dumps(deepmimic()))
    clip = import_clip(robot, tmp_path / "walk.json", options(MIMIC_JOINTS))
    assert_bends_its_knee(robot, clip)


def test_a_time_base_that_jumps_is_refused(robot, tmp_path):
    content = deepmimic()
    content["Frames"][5][0] = 0.2
    (tmp_path / "walk.json").write_text(json.dumps(content))
    with pytest.raises(
        ConfigError, match="time: expected frames 0.03333 s apart; frame 6 comes 0.2"
    ):
        import_clip(robot, tmp_path / "walk.json", options(MIMIC_JOINTS))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON, or damaged"),
        ("[]", "expected a key 'Frames'"),
        ('{"Frames": [["a"]]}', "expected rows of 44 numbers"),
        ('{"Frames": [[1, 2], [3]]}', "expected rows of 44 numbers"),
        ('{"Frames": [[1, 2]]}', r"expected shape \(T, 44\), got \(1, 2\)"),
        (
            json.dumps(deepmimic(Frames=deepmimic()["Frames"][:2])),
            "expected 10 frames or more, got 2",
        ),
    ],
)
def test_broken_deepmimic_is_refused(robot, tmp_path, text, message):
    (tmp_path / "walk.json").write_text(text)
    with pytest.raises(ConfigError, match=message):
        import_clip(robot, tmp_path / "walk.json", options(MIMIC_JOINTS))


# --- CSV


def csv_text(robot, angle_unit="deg", length_unit="cm", **columns):
    lengths = {"cm": 100.0, "mm": 1000.0, "m": 1.0}[length_unit]
    angles = {"deg": np.degrees(1.0), "rad": 1.0}[angle_unit]
    table = {"time [ms]": np.arange(FRAMES) * 1000 / 30}
    way = (0.5 * np.linspace(0, 1, FRAMES) + 3.0, np.full(FRAMES, 7.0), np.full(FRAMES, 0.9))
    table |= {f"root_{a} [{length_unit}]": v * lengths for a, v in zip("xyz", way, strict=True)}
    table |= {f"root_q{a} [-]": np.full(FRAMES, float(a == "w")) for a in "wxyz"}
    for name in robot.joint_names:
        table[f"{name} [{angle_unit}]"] = ANGLE * angles * (name == "left_knee_pitch")
    table |= columns
    table = {name: values for name, values in table.items() if values is not None}
    rows = zip(*table.values(), strict=True)
    return "\n".join([",".join(table), *(",".join(f"{v:.9f}" for v in row) for row in rows)])


@pytest.mark.parametrize("angle_unit", ["deg", "rad"])
@pytest.mark.parametrize("length_unit", ["m", "cm", "mm"])
def test_csv_in_any_declared_unit(robot, tmp_path, angle_unit, length_unit):
    (tmp_path / "walk.csv").write_text(csv_text(robot, angle_unit, length_unit))
    assert_bends_its_knee(robot, import_clip(robot, tmp_path / "walk.csv", options()))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("time [ms]", "time"), "column 'time': expected a unit, as in 'time"),
        (("root_x [cm]", "root_x [inch]"), "'root_x': expected a unit of m, cm, mm, got 'inch'"),
        (("left_knee_pitch [deg]", "left_knee_pitch [m]"), "expected a unit of rad, deg, got 'm'"),
        (("root_x [cm]", "rot_x [deg]"), "no column 'root_x'"),
        (
            ("waist_yaw [deg]", "waist_jaw [deg]"),
            "no channel for waist_yaw; did you mean 'waist_jaw'",
        ),
    ],
)
def test_a_wrong_column_is_named(robot, tmp_path, change, message):
    (tmp_path / "walk.csv").write_text(csv_text(robot).replace(*change, 1))
    with pytest.raises(ConfigError, match=message):
        import_clip(robot, tmp_path / "walk.csv", options())


def test_wrong_lines_are_named(robot, tmp_path):
    text = csv_text(robot)
    for broken, message in (
        (text + "\n1,2", f"walk.csv:{FRAMES + 2}: expected 19 values, got 2"),
        (
            text.replace("7.000000000", "seven", 1).replace("700.000000000", "x", 1),
            "expected numbers",
        ),
        ("", "the file is empty"),
    ):
        (tmp_path / "walk.csv").write_text(broken)
        with pytest.raises(ConfigError, match=message):
            import_clip(robot, tmp_path / "walk.csv", options())


def test_nan_in_a_table_is_refused(robot, tmp_path):
    (tmp_path / "walk.csv").write_text(csv_text(robot, **{"root_z [cm]": np.full(FRAMES, np.nan)}))
    with pytest.raises(ConfigError, match="walk: root_position: frame 0: expected finite numbers"):
        import_clip(robot, tmp_path / "walk.csv", options())


# --- all of them


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
