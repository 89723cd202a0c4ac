"""What commands that animate say of their file."""

from pathlib import Path

from wildrobot_cli.cli.console import console
from wildrobot_cli.evaluation.video import check_video_path


def video_file(asked: Path | None) -> Path | None:
    """Return the file to write for `--video`: what was asked for, or what can be had here.

    Raises:
        ConfigError: the name is none of an animation.
        EnvironmentUnavailable: what draws it is not installed.
    """
    return None if asked is None else check_video_path(asked)


def show_video(asked: Path | None, written: Path | None) -> None:
    """Say where an animation is, and why it is not what was asked for."""
    if written is None:
        return
    console.print(f"animation in {written}", soft_wrap=True)
    if written != asked:
        console.print("a GIF, as nothing here encodes MP4: pip install 'wildrobot[video]'")
