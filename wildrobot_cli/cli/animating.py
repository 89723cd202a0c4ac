"""What commands that animate say of their file."""

from pathlib import Path

from wildrobot_cli.cli.console import console


def show_video(asked: Path | None, written: Path | None) -> None:
    """Say where an animation is, and why it is not what was asked for."""
    if written is None:
        return
    console.print(f"animation in {written}", soft_wrap=True)
    if written != asked:
        console.print("a GIF, as nothing here encodes MP4: pip install 'wildrobot[video]'")
