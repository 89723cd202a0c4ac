"""BVH: joint channels in any order, in a unit that has to be said."""

import numpy as np
import pytest
from recordings import BVH_JOINTS, FRAMES, assert_bends_its_knee, bvh_text, options

from wildrobot_cli.errors import ConfigError
from wildrobot_cli.motion.importers import import_clip
from wildrobot_cli.motion.quaternions import about, multiply


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
