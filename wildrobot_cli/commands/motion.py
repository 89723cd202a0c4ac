"""`wildrobot motion`: list, make, import, check and preview reference clips."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from wildrobot_cli.errors import ConfigError, suggest
from wildrobot_cli.making.clips import STAND, Unrealised, clip_names, make_clips, make_stand
from wildrobot_cli.making.plotting import plot_clip
from wildrobot_cli.making.recipe import Recipe, load_recipe, style_of
from wildrobot_cli.making.replaying import check_clip
from wildrobot_cli.motion.checks import Check
from wildrobot_cli.motion.clip import Clip
from wildrobot_cli.motion.importers import ImportOptions, import_clip
from wildrobot_cli.motion.library import in_order, load_clips, motion_dir
from wildrobot_cli.motion.limits import CheckLimits, load_limits
from wildrobot_cli.motion.storage import load_clip, save_clip
from wildrobot_cli.plots import check_plot
from wildrobot_cli.robot import Robot, load_robot
from wildrobot_cli.whole import check_name


@dataclass(frozen=True)
class Verdict:
    """A clip and its measures, or those of a walk that never became one."""

    name: str
    """The clip's name."""
    clip: Clip | None
    """The clip; None where the walk got no further than its plan or its fall."""
    checks: tuple[Check, ...]
    """What was measured of it."""

    @property
    def passed(self) -> bool:
        """Whether every measure is allowed."""
        return all(check.passed for check in self.checks)


def list_clips(robot_name: str, folder: Path | None) -> tuple[Clip, ...]:
    """Return a folder's clips, the packaged ones by default.

    Raises:
        ConfigError: there are none, or one does not fit the robot.
    """
    return load_clips(load_robot(robot_name), folder or motion_dir())


def make(
    recipe_path: Path | None,
    out: Path,
    only: Iterable[str],
    on_clip: Callable[[Verdict], None],
) -> list[Verdict]:
    """Make the clips of a recipe, and write those that pass every check.

    What a clip that fails left behind when it was made earlier stays; see `clip_file`.

    Args:
        recipe_path: the recipe; the packaged one when None.
        out: folder to write to; made if it is not there.
        only: names of walks, or `stand`; all when empty.
        on_clip: called with each clip as it is made.

    Raises:
        ConfigError: the recipe is wrong, or has no walk of a name; nothing is written.
        EnvironmentUnavailable: `mink` is not installed.
    """
    recipe = load_recipe(recipe_path or motion_dir() / "recipe.yaml")
    robot, limits = load_robot(recipe.robot), load_limits()
    names = tuple(only) or (STAND, *recipe.walks)
    for name in names:
        if name not in (STAND, *recipe.walks):
            raise ConfigError(f"no walk '{name}'{suggest(name, (STAND, *recipe.walks))}")
        if name != STAND:
            style_of(recipe, name)
    verdicts = []
    for name in names:
        for verdict in _made(robot, recipe, limits, name):
            if verdict.clip is not None and verdict.passed:
                out.mkdir(parents=True, exist_ok=True)
                save_clip(clip_file(out, verdict.name), verdict.clip)
            verdicts.append(verdict)
            on_clip(verdict)
    return verdicts


def clip_file(out: Path, name: str) -> Path:
    """Where `make` writes a clip that passes."""
    return out / f"{name}.npz"


def import_file(robot_name: str, path: Path, options: ImportOptions, out: Path) -> Clip:
    """Turn a motion file into a clip file.

    Raises:
        ConfigError: the file, its channels or the options are wrong; nothing is written.
    """
    check_name("--out", out, (".npz",))
    clip = import_clip(load_robot(robot_name), path, options)
    save_clip(out, clip)
    return clip


def check(
    robot_name: str, names: Iterable[str], on_clip: Callable[[Verdict], None]
) -> list[Verdict]:
    """Measure clips, by file or by packaged name; all packaged ones when none is named.

    Raises:
        ConfigError: a clip is missing, damaged, or does not fit the robot.
    """
    robot, limits = load_robot(robot_name), load_limits()
    recipe = load_recipe(motion_dir() / "recipe.yaml")
    chosen = [find_clip(robot, name) for name in names] or load_clips(robot, motion_dir())
    verdicts = []
    for clip in chosen:
        verdicts.append(_judged(robot, recipe, limits, clip))
        on_clip(verdicts[-1])
    return verdicts


def find_clip(robot: Robot, name: str) -> Clip:
    """Load a clip by file, or by name among the packaged ones.

    Raises:
        ConfigError: there is none, or it does not fit the robot.
    """
    path = Path(name)
    if path.suffix == ".npz" or path.is_file():
        return in_order(robot, load_clip(path))
    names = [packaged.stem for packaged in motion_dir().glob("*.npz")]
    if name not in names:
        raise ConfigError(f"{name}: no such clip{suggest(name, names)}")
    return in_order(robot, load_clip(motion_dir() / f"{name}.npz"))


def preview(
    robot_name: str,
    name: str,
    video: Path | None,
    plot: Path | None,
) -> Path | None:
    """Animate a clip, and plot its joint angles and foot heights.

    Returns:
        The animation: `video`, or a GIF beside it where nothing here encodes MP4.

    Raises:
        ConfigError: the clip or a file name is wrong.
        EnvironmentUnavailable: OpenGL, Pillow or matplotlib is missing.
    """
    from wildrobot_cli.evaluation.video import check_video_path

    robot = load_robot(robot_name)
    clip = find_clip(robot, name)
    if video is not None:
        video = check_video_path(video)
    if plot is not None:
        check_plot(plot)
        plot_clip(plot, robot, clip, load_recipe(motion_dir() / "recipe.yaml"))
    if video is not None:
        _animate(video, robot, clip)
    return video


def _made(robot: Robot, recipe: Recipe, limits: CheckLimits, name: str) -> list[Verdict]:
    """The clips of a walk or of standing; all fail where physics does not realise it."""
    try:
        made = [make_stand(robot, recipe)] if name == STAND else make_clips(robot, recipe, name)
    except Unrealised as error:
        return [Verdict(clip, None, (error.check,)) for clip in clip_names(recipe, name)]
    return [_judged(robot, recipe, limits, clip) for clip in made]


def _judged(robot: Robot, recipe: Recipe, limits: CheckLimits, clip: Clip) -> Verdict:
    return Verdict(clip.name, clip, tuple(check_clip(robot, recipe, limits, clip)))


def _animate(path: Path, robot: Robot, clip: Clip) -> None:
    """Render a clip, a loop for a few laps."""
    import numpy as np

    from wildrobot_cli.evaluation.video import write_video
    from wildrobot_cli.motion.clip import positions
    from wildrobot_cli.motion.frames import frames_at

    laps = 2 if clip.loop else 1
    times = np.arange(round(laps * clip.seconds * clip.fps) + 1) / clip.fps
    qpos = positions(robot, frames_at(clip, times))
    write_video(path, robot, 1 / clip.fps, qpos)
