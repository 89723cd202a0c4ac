"""The command that learns: `train`."""

from pathlib import Path
from typing import Annotated

import typer

from wildrobot_cli.cli.options import (
    CONFIG,
    RUNS,
    ConfigOption,
    EngineOption,
    ImplOption,
    JsonOption,
    RobotOption,
    RunsOption,
    SeedOption,
    SetOption,
    refuse_with,
)
from wildrobot_cli.errors import ConfigError


def train(
    config: ConfigOption = None,
    run: Annotated[
        str | None, typer.Option("--run", metavar="NAME", help="Name of the new run.")
    ] = None,
    runs: RunsOption = None,
    resume: Annotated[
        Path | None,
        typer.Option("--resume", metavar="RUN", help="Go on with a stopped run, exactly."),
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="A smoke run of seconds that leaves nothing behind.")
    ] = False,
    engine: EngineOption = None,
    impl: ImplOption = None,
    robot: RobotOption = None,
    num_envs: Annotated[
        int | None, typer.Option("--num-envs", help="Environments stepped together.")
    ] = None,
    steps: Annotated[
        int | None, typer.Option("--steps", help="Control steps to train for.")
    ] = None,
    max_minutes: Annotated[
        float | None, typer.Option("--max-minutes", help="Stop after this wall time.")
    ] = None,
    wandb: Annotated[
        bool | None,
        typer.Option(
            "--wandb/--no-wandb",
            help="Log to Weights & Biases as well. A resumed run does as before.",
            show_default="no-wandb",
        ),
    ] = None,
    distributed: Annotated[
        str | None,
        typer.Option(
            "--distributed",
            metavar="WHERE",
            help="Train in several processes: auto (Slurm, Open MPI), or HOST:PORT,INDEX/COUNT.",
        ),
    ] = None,
    seed: SeedOption = None,
    overrides: SetOption = [],  # noqa: B006
    json: JsonOption = None,
) -> None:
    """Train a policy into a run folder, then evaluate it."""
    from wildrobot_cli.commands.settings import load_config, prepare_jax

    prepare_jax()
    place: dict[str, object] = {"--run": run, "--runs": runs}
    if resume is not None:
        given = place | {"--verify": verify or None, "--config": config, "--engine": engine}
        given |= {"--impl": impl, "--robot": robot, "--num-envs": num_envs, "--steps": steps}
        refuse_with("--resume", given | {"--seed": seed, "--set": overrides or None})
    if verify:
        others = place | {"--max-minutes": max_minutes}
        refuse_with("--verify", others, "a smoke run of seconds leaves nothing behind")
    if distributed is not None:
        _connect(distributed, named=run is not None or resume is not None)
    if max_minutes is not None and max_minutes <= 0:
        raise ConfigError(f"--max-minutes: expected a number above 0, got {max_minutes}")
    if resume is not None:
        from wildrobot_cli.training.run_folder import open_run

        settings = open_run(resume).config
    else:
        if verify:
            from wildrobot_cli.commands.train import VERIFY

            overrides = [*VERIFY, *overrides]
        settings = load_config(
            config or CONFIG,
            overrides,
            seed=seed,
            engine=engine,
            impl=impl,
            robot=robot,
            num_envs=num_envs,
            steps=steps,
        )
    from wildrobot_cli.cli.train_view import TrainRequest, run_training

    ways = (run, resume, verify, max_minutes, wandb, json)
    if not run_training(TrainRequest(settings, runs or RUNS, *ways)):
        raise typer.Exit(1)


def _connect(where: str, *, named: bool) -> None:
    """Join the other processes of this training; only the first of them prints."""
    if not named:
        raise ConfigError("--distributed needs --run NAME: all processes train the same run")
    from wildrobot_cli.cli.console import console
    from wildrobot_cli.training import devices

    devices.connect(where)
    console.quiet = not devices.leads()
