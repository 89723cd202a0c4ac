"""Options that several commands share, and what they say to one that does not fit."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from wildrobot_cli.errors import ConfigError

ConfigOption = Annotated[
    str, typer.Option("--config", help="Configuration: a YAML file, or a packaged one's name.")
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
ImplOption = Annotated[
    str | None, typer.Option("--impl", help="Implementation of MJX: auto, jax or warp.")
]
CheckpointOption = Annotated[
    str | None,
    typer.Option(
        "--checkpoint", metavar="WHICH", help="best, latest (default) or a number of steps."
    ),
]
RunsOption = Annotated[Path, typer.Option("--runs", help="Folder that holds the runs.")]


def refuse_with(
    option: str, others: Mapping[str, object], why: str = "a run keeps its configuration"
) -> None:
    """Raise `ConfigError` when an option stands beside one that it excludes."""
    for name, value in others.items():
        if value is not None:
            raise ConfigError(f"{name} does not go with {option}: {why}")
