"""What `wildrobot replay` shows: the last steps before a failure, a row each."""

from pathlib import Path

import numpy as np

from wildrobot_cli.cli.animating import show_video
from wildrobot_cli.cli.console import console, show_table
from wildrobot_cli.commands.replay import Replay, replay

ROWS = 10
"""Steps in the table: the last ones."""


def show_replay(path: Path, video: Path | None) -> None:
    """Print the last steps of a dump; write its animation if asked to."""
    found = replay(path, video)
    dump = found.dump
    console.print(
        f"{dump.reason}, in environment {dump.env} after {dump.env_steps:,} steps of training"
    )
    columns = ("time, s", "root height, m", "fastest joint", "rad/s", "target - angle, rad")
    count = len(dump.qpos)
    rows = [_row(found, step) for step in range(max(0, count - ROWS), count)]
    show_table(f"the last {len(rows)} of {count} steps", columns, rows)
    show_video(video, found.video)
    if video is None:
        console.print(
            f"to see it move:\n  wildrobot replay {path} --video fault.gif", soft_wrap=True
        )


def _row(found: Replay, step: int) -> tuple[str, ...]:
    """One step: when, how high, and the joint that moves fastest."""
    joint = int(np.argmax(np.abs(found.joint_vel[step])))
    asked = found.dump.ctrl[step, joint] - found.joint_pos[step, joint]
    return (
        f"{(step - len(found.root_height) + 1) * found.dt:.2f}",
        f"{found.root_height[step]:.3f}",
        found.joint_names[joint],
        f"{found.joint_vel[step, joint]:.2f}",
        f"{asked:+.2f}",
    )
