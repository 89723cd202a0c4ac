"""Options that several commands share, and what they say to one that does not fit."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from wildrobot_cli.errors import ConfigError

CONFIG = "ppo.yaml"
"""What a command starts from where no `--config` is given."""
ConfigOption = Annotated[
    str | None,
    typer.Option(
        "--config",
        help="Configuration: a YAML file, or a packaged one's name.",
        show_default=CONFIG,
    ),
]
SetOption = Annotated[
    list[str],
    typer.Option("--set", metavar="KEY=VALUE", help="Override a setting; repeatable."),
]
SeedOption = Annotated[int | None, typer.Option("--seed", help="Seed of everything random.")]
JsonOption = Annotated[
    Path | None, typer.Option("--json", metavar="FILE", help="Write the results for machines.")
]
EngineOption = Annotated[
    str | None, typer.Option("--engine", help="Physics engine: auto, mujoco or mjx.")
]
RobotOption = Annotated[
    str | None, typer.Option("--robot", help="Robot YAML, or a packaged one's name.")
]
ImplOption = Annotated[
    str | None, typer.Option("--impl", help="Implementation of MJX: auto, jax or warp.")
]
CheckpointOption = Annotated[
    str | None,
    typer.Option(
        "--checkpoint", metavar="WHICH", help="best, latest (default) or a number of steps."
    ),
]
VideoOption = Annotated[
    Path | None,
    typer.Option("--video", metavar="FILE", help="Animate it: .mp4, .gif, .webp or .png."),
]
ReportOption = Annotated[
    str | None,
    typer.Option(
        "--report",
        metavar="[FILE]",
        help="Write a page of pictures: FILE, or report.html in the run.",
    ),
]
RUNS = Path("runs")
"""Where runs are where no `--runs` is given."""
RunsOption = Annotated[
    Path | None,
    typer.Option("--runs", help="Folder that holds the runs.", show_default=str(RUNS)),
]


class ReportCommand(TyperCommand):
    """A command whose `--report` may stand without a value, which then is empty."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the command's arguments."""
        follows = [*args[1:], "-"]
        given = [
            f"{word}=" if word == "--report" and after.startswith("-") else word
            for word, after in zip(args, follows, strict=True)
        ]
        return super().parse_args(ctx, given)


def refuse_with(
    option: str, others: Mapping[str, object], why: str = "a run keeps its configuration"
) -> None:
    """Raise `ConfigError` when an option stands beside one that it excludes."""
    for name, value in others.items():
        if value is not None:
            raise ConfigError(f"{name} does not go with {option}: {why}")
