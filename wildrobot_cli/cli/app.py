"""The command line: parsing, printing and exit codes. The work is done in `commands`.

Nothing heavy is imported here: `wildrobot --help` must answer at once.
"""

import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from wildrobot_cli.errors import ConfigError, WildRobotError

app = typer.Typer(
    name="wildrobot",
    help="From a small legged robot's model to a policy that walks on its servos.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

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
RunsOption = Annotated[Path, typer.Option("--runs", help="Folder that holds the runs.")]

_debug = False


@app.callback()
def common(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """From a small legged robot's model to a policy that walks on its servos."""
    global _debug  # noqa: PLW0603
    _debug = debug


@app.command()
def train(
    config: ConfigOption = "ppo.yaml",
    run: Annotated[
        str | None, typer.Option("--run", metavar="NAME", help="Name of the new run.")
    ] = None,
    runs: RunsOption = Path("runs"),
    resume: Annotated[
        Path | None,
        typer.Option("--resume", metavar="RUN", help="Go on with a stopped run, exactly."),
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="A smoke run of seconds that leaves nothing behind.")
    ] = False,
    engine: EngineOption = None,
    impl: Annotated[
        str | None, typer.Option("--impl", help="Implementation of MJX: jax or warp.")
    ] = None,
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
    if distributed is not None:
        if run is None and resume is None:
            raise ConfigError("--distributed needs --run NAME: all processes train the same run")
        from wildrobot_cli.cli.console import console
        from wildrobot_cli.training import devices

        devices.connect(distributed)
        console.quiet = not devices.leads()
    if max_minutes is not None and max_minutes <= 0:
        raise ConfigError(f"--max-minutes: expected a number above 0, got {max_minutes}")
    if resume is not None:
        changes: dict[str, object] = {
            "--run": run,
            "--verify": verify or None,
            "--engine": engine,
            "--impl": impl,
        }
        changes |= {"--num-envs": num_envs, "--steps": steps, "--seed": seed}
        _refuse_with("--resume", changes | {"--set": overrides or None})
        from wildrobot_cli.training.run_folder import open_run

        settings = open_run(resume).config
    else:
        if verify:
            from wildrobot_cli.commands.train import VERIFY

            overrides = [*VERIFY, *overrides]
        settings = load_config(
            config, overrides, seed=seed, engine=engine, impl=impl, num_envs=num_envs, steps=steps
        )
    from wildrobot_cli.cli.train_view import TrainRequest, run_training

    run_training(TrainRequest(settings, runs, run, resume, verify, max_minutes, wandb, json))


@app.command(name="eval")
def evaluate(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    scenario: Annotated[
        list[str], typer.Option("--scenario", help="Scenario, or `all`; repeatable.")
    ] = ["flat"],  # noqa: B006
    episodes: Annotated[
        int | None, typer.Option("--episodes", min=1, help="Rollouts a scenario.")
    ] = None,
    checkpoint: Annotated[
        str | None,
        typer.Option(
            "--checkpoint", metavar="WHICH", help="best, latest (default) or a number of steps."
        ),
    ] = None,
    video: Annotated[
        Path | None, typer.Option("--video", metavar="FILE", help="Animate it: .gif, .webp, .png.")
    ] = None,
    engine: EngineOption = None,
    seed: SeedOption = None,
    overrides: SetOption = [],  # noqa: B006
    json: JsonOption = None,
) -> None:
    """Measure a run's policy on scenarios, from physics and not from rewards."""
    from wildrobot_cli.commands.settings import load_config, prepare_jax, prepare_rendering

    prepare_jax()
    if video is not None:
        prepare_rendering()
    from wildrobot_cli.cli.eval_view import EvalRequest, run_evaluation
    from wildrobot_cli.training.run_folder import open_run

    folder = open_run(run)
    settings = load_config(folder.config_file, overrides, seed=seed, engine=engine)
    request = EvalRequest(folder, settings, tuple(scenario), episodes, checkpoint, video, json)
    if not run_evaluation(request):
        raise typer.Exit(1)


@app.command()
def replay(
    dump: Annotated[Path, typer.Argument(help="A dump in a run's faults folder.")],
    video: Annotated[
        Path | None, typer.Option("--video", metavar="FILE", help="Animate it: .gif, .webp, .png.")
    ] = None,
) -> None:
    """Show the last steps of a simulation that failed in training."""
    from wildrobot_cli.commands.settings import prepare_jax, prepare_rendering

    prepare_jax()
    if video is not None:
        prepare_rendering()
    from wildrobot_cli.cli.replay_view import show_replay

    show_replay(dump, video)


def _refuse_with(option: str, others: dict[str, object]) -> None:
    """Raise `ConfigError` when an option stands beside one that it excludes."""
    for name, value in others.items():
        if value is not None:
            raise ConfigError(f"{name} does not go with {option}: a run keeps its configuration")


def main() -> NoReturn:
    """Run the command line; every error becomes one message and an exit code."""
    try:
        app(standalone_mode=True)
    except WildRobotError as error:
        if _debug:
            raise
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except Exception as error:
        if _debug:
            raise
        kind = type(error).__name__
        print(
            f"internal error, please report it: {kind}: {error}\n"
            "`wildrobot --debug COMMAND ...` shows where",
            file=sys.stderr,
        )
        sys.exit(1)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    sys.exit(0)
