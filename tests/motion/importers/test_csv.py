"""CSV: named columns, in units that have to be said."""

import numpy as np
import pytest
from recordings import FRAMES, assert_bends_its_knee, csv_text, options

from wildrobot_cli.errors import ConfigError
from wildrobot_cli.motion.importers import import_clip


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
