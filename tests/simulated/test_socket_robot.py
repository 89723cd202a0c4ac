"""The runtime's end of a simulated robot."""

import time

import pytest

from wildrobot_cli.errors import EnvironmentUnavailable
from wildrobot_cli.runtime.robots.socket_robot import SocketRobot


def test_a_robot_that_ended_is_not_waited_for(tmp_path):
    begun = time.monotonic()
    with pytest.raises(
        EnvironmentUnavailable, match="the simulated robot ended before it answered"
    ):
        SocketRobot(tmp_path, 30.0, alive=lambda: time.monotonic() - begun < 0.2)
    assert time.monotonic() - begun < 5


def test_a_robot_that_is_silent_is_waited_for_so_long(tmp_path):
    with pytest.raises(EnvironmentUnavailable, match="the simulated robot does not answer"):
        SocketRobot(tmp_path, 0.2, alive=lambda: True)
