"""`wildrobot replay`: the last steps of a simulation that failed in training."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wildrobot_cli.evaluation.video import check_video_path, write_video
from wildrobot_cli.robot import load_robot
from wildrobot_cli.training.faults import Dump, read_dump
from wildrobot_cli.training.run_folder import open_run


@dataclass(frozen=True)
class Replay:
    """What a dump holds, in the robot's own terms."""

    dump: Dump
    """The steps themselves."""
    joint_names: tuple[str, ...]
    """Of the robot."""
    joint_pos: np.ndarray
    """Joint angles before each step. Shape (T, n) [rad]."""
    joint_vel: np.ndarray
    """Joint speeds before each step. Shape (T, n) [rad/s]."""
    root_height: np.ndarray
    """Height of the root before each step. Shape (T,) [m]."""
    dt: float
    """Control period [s]."""
    video: Path | None
    """The animation; None where none was asked for."""


def replay(path: Path, video: Path | None = None) -> Replay:
    """Read a dump, and animate it if asked to.

    Args:
        path: the dump, in the `faults` folder of its run.
        video: animation to write; a GIF beside it where nothing here encodes MP4.

    Raises:
        RunError: no such dump, or it does not lie in a run.
        EnvironmentUnavailable: OpenGL or Pillow is missing.
    """
    if video is not None:
        video = check_video_path(video)
    dump = read_dump(path)
    config = open_run(path.absolute().parent.parent).config.env
    robot = load_robot(config.robot)
    if video is not None:
        write_video(video, robot, config.control_period, dump.qpos)
    return Replay(
        dump=dump,
        joint_names=tuple(robot.joint_names),
        joint_pos=dump.qpos[:, robot.qpos_ids],
        joint_vel=dump.qvel[:, robot.qvel_ids],
        root_height=dump.qpos[:, robot.root_qpos][:, 2],
        dt=config.control_period,
        video=video,
    )
