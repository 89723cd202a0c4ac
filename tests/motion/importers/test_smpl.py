"""AMASS and SMPL: a body with its z axis up, in the robot's frame."""

import numpy as np
import pytest
from recordings import FRAMES, SMPL_JOINTS, amass, assert_bends_its_knee, options

from wildrobot_cli.errors import ConfigError
from wildrobot_cli.motion.importers import import_clip


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
