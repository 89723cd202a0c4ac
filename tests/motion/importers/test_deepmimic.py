"""DeepMimic: frames of numbers by a fixed layout."""

import json

import pytest
from recordings import MIMIC_JOINTS, assert_bends_its_knee, deepmimic, options

from wildrobot_cli.errors import ConfigError
from wildrobot_cli.motion.importers import import_clip


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
