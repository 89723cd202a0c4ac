"""What this robot cannot do is not believed, and what it can do is."""

import numpy as np
import pytest

from wildrobot_cli.runtime.control.estimator import Sensors
from wildrobot_cli.runtime.control.plausibility import Plausibility

JOINTS = 11
LEVEL = np.array([1.0, 0.0, 0.0, 0.0])


@pytest.fixture
def description(bundle):
    return bundle.description


def sensors(description, tick=0, **changes) -> Sensors:
    home = description.joints.home_position.copy()
    fresh, silent = np.full(JOINTS, tick), np.zeros(JOINTS, int)
    return Sensors(np.zeros(3), LEVEL, home, fresh, tick, silent, tick)._replace(**changes)


def test_readings_within_what_the_robot_can_do_are_believed(description):
    plausible, joints, safety = (
        Plausibility(description),
        description.joints,
        description.safety,
    )
    before = sensors(description)
    fast = safety.joint_speed * description.no_load_speed * description.control_period
    assert plausible(before, None) is None
    assert (
        plausible(sensors(description, gyro=np.full(3, 0.99 * safety.gyro_limit)), before) is None
    )
    for ends, sign in ((joints.lower, -1), (joints.upper, 1)):
        outside = ends + sign * 0.99 * safety.angle_margin
        assert plausible(sensors(description, encoders=outside), None) is None
    moved = before.encoders + np.where(np.arange(JOINTS) == 3, 0.99 * fast, 0.0)
    assert plausible(sensors(description, 1, encoders=moved), before) is None


def test_a_joint_that_was_not_read_for_a_while_may_have_gone_further(description):
    plausible, before = Plausibility(description), sensors(description)
    moved = before.encoders.copy()
    moved[3] += 0.7
    now = sensors(description, 2, encoders=moved)
    assert plausible(now, before) is None
    trip = plausible(now._replace(read_at=np.full(JOINTS, 1)), before)
    assert trip.detail == "joint 'left_knee_pitch' went 0.70 rad in 1 control periods"


@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ({"gyro": np.array([0.0, -1e6, 0.0])}, "gyro says 1e+06 rad/s; it measures 34.9"),
        ({"gyro": np.array([0.0, np.nan, 0.0])}, "gyro is not a number, at [1]"),
        ({"orientation": 2 * LEVEL}, "orientation has the length 2, not 1"),
        (
            {"encoders": np.full(JOINTS, 50.0)},
            "joint 'waist_yaw' is at 50.00, beyond -0.67",
        ),
    ],
)
def test_rubbish_is_named(description, changes, detail):
    trip = Plausibility(description)(sensors(description, **changes), None)
    assert trip.cause == "sensor"
    assert trip.detail.startswith(detail)
