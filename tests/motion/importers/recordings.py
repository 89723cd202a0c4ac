"""Recordings of one walk: the left knee bends, all else is still, half a metre ahead."""

import numpy as np
import pytest

from wildrobot_cli.motion.importers import ImportOptions
from wildrobot_cli.motion.importers.deepmimic import LAYOUT
from wildrobot_cli.motion.quaternions import about, from_vector, multiply

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
