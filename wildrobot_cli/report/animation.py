"""The animation inside a page."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from wildrobot_cli.errors import EnvironmentUnavailable
from wildrobot_cli.evaluation.trajectory import Trajectory
from wildrobot_cli.evaluation.video import animate
from wildrobot_cli.report.drawing import data_uri
from wildrobot_cli.robot import Robot

KINDS = {".mp4": "video/mp4", ".webp": "image/webp"}
"""MIME types of what a page can hold, by file name; others are too large."""


@dataclass(frozen=True)
class Animation:
    """A moving picture, or the reason why there is none."""

    uri: str = ""
    """The picture, a data URI."""
    is_video: bool = False
    """Whether it is a video, which can be stopped and stepped."""
    missing: str = ""
    """Why there is none."""

    @classmethod
    def read(cls, path: Path) -> "Animation":
        """Take in a file whose kind is one of `KINDS`."""
        kind = KINDS[path.suffix.lower()]
        return cls(data_uri(kind, path.read_bytes()), is_video=kind.startswith("video"))


def make_animation(
    robot: Robot, trajectory: Trajectory, on_progress: Callable[[float], None] | None = None
) -> Animation:
    """Animate the typical episode; what is missing here for that is no reason for no report."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / ("walk.mp4" if find_spec("av") else "walk.webp")
        try:
            animate(path, robot, trajectory, on_progress)
            return Animation.read(path)
        except EnvironmentUnavailable as error:
            return Animation(missing=str(error))
