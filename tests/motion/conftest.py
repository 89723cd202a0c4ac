"""Small clips to take apart."""

import numpy as np
import pytest


@pytest.fixture(scope="session")
def swaying(robot):
    """One second, 51 frames, of the robot gliding along an arc and bending its left leg: a loop."""
    from wildrobot_cli.motion.clip import make_clip
    from wildrobot_cli.motion.quaternions import about

    times = np.arange(51) / 50
    angles = np.tile(robot.home_qpos[robot.qpos_ids], (51, 1))
    angles[:, 3] += 0.2 * np.sin(2 * np.pi * times)
    angles[:, 2] += 0.1 * np.sin(2 * np.pi * times)
    turned = 0.4 * times
    arc = [np.sin(turned), 1 - np.cos(turned), 0 * times]
    position = 0.3 / 0.4 * np.stack(arc, axis=-1) + [0.0, 0.0, 0.48]
    return make_clip(
        "swaying",
        50.0,
        robot.joint_names,
        position,
        about("z", turned),
        angles,
        source="made for a test",
        licence="CC0-1.0",
        phase=2 * np.pi * times,
        frequency=1.0,
        loop=True,
    )


@pytest.fixture(scope="session")
def library(robot):
    """The packaged library."""
    from wildrobot_cli.motion.library import load_library

    return load_library(robot)
