"""`wildrobot motion`: parsing of its commands."""

from pathlib import Path
from typing import Annotated

import typer

from wildrobot_cli.cli.options import JsonOption, VideoOption
from wildrobot_cli.errors import ConfigError

motion = typer.Typer(
    help="Reference motion: list, make, import, check and preview clips.", no_args_is_help=True
)

RobotOption = Annotated[str, typer.Option("--robot", help="Robot: a YAML file, or a name.")]


@motion.command(name="list")
def list_(
    folder: Annotated[
        Path | None, typer.Option("--folder", help="Folder of clips; the packaged ones if not set.")
    ] = None,
    robot: RobotOption = "wildrobot",
    json: JsonOption = None,
) -> None:
    """List clips: their length, labels and licence."""
    from wildrobot_cli.cli.motion_view import show_list

    show_list(robot, folder, json)


@motion.command()
def make(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder to write to.")] = Path(
        "motion"
    ),
    recipe: Annotated[
        Path | None,
        typer.Option("--recipe", metavar="FILE", help="Recipe; the packaged one if not set."),
    ] = None,
    only: Annotated[
        list[str], typer.Option("--only", metavar="WALK", help="Walk to make; repeatable.")
    ] = [],  # noqa: B006
    json: JsonOption = None,
) -> None:
    """Make clips: plan walks, let physics realise them, keep those that pass every check."""
    from wildrobot_cli.cli.motion_view import show_making

    if not show_making(recipe, out, only, json):
        raise typer.Exit(1)


@motion.command(name="import")
def import_(
    file: Annotated[Path, typer.Argument(help="BVH, AMASS or SMPL .npz, DeepMimic JSON, or CSV.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Clip to write, .npz.")],
    source: Annotated[str, typer.Option("--source", help="Where the motion comes from.")],
    licence: Annotated[str, typer.Option("--licence", help="Its licence.")],
    unit: Annotated[
        str | None, typer.Option("--unit", help="Unit of a BVH file's lengths: m or cm.")
    ] = None,
    joint: Annotated[
        list[str],
        typer.Option(
            "--joint", metavar="JOINT=CHANNEL", help="left_knee_pitch=LeftLeg.y; repeatable."
        ),
    ] = [],  # noqa: B006
    scale: Annotated[
        float,
        typer.Option("--scale", help="Factor on the root's path: leg length over leg length."),
    ] = 1.0,
    robot: RobotOption = "wildrobot",
) -> None:
    """Turn a motion file into a clip, its joints matched by name."""
    from wildrobot_cli.cli.motion_view import show_import
    from wildrobot_cli.motion.importers import ImportOptions

    if not scale > 0:
        raise ConfigError(f"--scale: expected a number above 0, got {scale}")
    options = ImportOptions(source, licence, unit, dict(_pair(text) for text in joint), scale)
    show_import(robot, file, options, out)


@motion.command()
def check(
    clips: Annotated[
        list[str], typer.Argument(help="Clip files or packaged names; all packaged if none.")
    ] = [],  # noqa: B006
    robot: RobotOption = "wildrobot",
    json: JsonOption = None,
) -> None:
    """Check clips: feet, joints, seams, labels, and whether physics can follow them."""
    from wildrobot_cli.cli.motion_view import show_checks

    if not show_checks(robot, clips, json):
        raise typer.Exit(1)


@motion.command()
def preview(
    clip: Annotated[str, typer.Argument(help="Clip file or packaged name.")],
    video: VideoOption = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", help="Plot it: .png, .svg, .pdf.")
    ] = None,
    robot: RobotOption = "wildrobot",
) -> None:
    """Look at a clip: an animation, and its joint angles and foot heights."""
    from wildrobot_cli.commands.settings import prepare_rendering

    if video is None and plot is None:
        raise ConfigError("motion preview: expected --video FILE, --plot FILE or both")
    if video is not None:
        prepare_rendering()
    from wildrobot_cli.cli.motion_view import show_preview

    show_preview(robot, clip, video, plot)


def _pair(text: str) -> tuple[str, str]:
    """Split `JOINT=CHANNEL`."""
    joint, equals, channel = text.partition("=")
    if not (joint and equals and channel):
        raise ConfigError(f"--joint {text}: expected JOINT=CHANNEL")
    return joint.strip(), channel.strip()
