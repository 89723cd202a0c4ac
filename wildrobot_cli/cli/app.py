"""The command line: parsing, printing and exit codes. The work is done in `commands`.

Nothing heavy is imported here: `wildrobot --help` must answer at once.
"""

import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from wildrobot_cli.cli.motion_app import motion
from wildrobot_cli.errors import ConfigError, WildRobotError

app = typer.Typer(
    name="wildrobot",
    help="From a small legged robot's model to a policy that walks on its servos.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

app.add_typer(motion, name="motion")

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

_debug = False


@app.callback()
def common(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """From a small legged robot's model to a policy that walks on its servos."""
    global _debug  # noqa: PLW0603
    _debug = debug


@app.command()
def validate(
    config: ConfigOption = "ppo.yaml",
    mode: Annotated[
        str, typer.Option("--mode", help="smoke, equivalence, jit, performance or all.")
    ] = "all",
    num_envs: Annotated[int, typer.Option("--num-envs", min=1, help="Environments.")] = 8,
    num_steps: Annotated[int, typer.Option("--num-steps", min=3, help="Control steps.")] = 50,
    engine: EngineOption = None,
    impl: ImplOption = None,
    robot: Annotated[
        str | None, typer.Option("--robot", help="Robot YAML, or a packaged one's name.")
    ] = None,
    x64: Annotated[
        bool | None, typer.Option("--x64/--x32", help="Precision of the proof; x64 if it can.")
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option("--tolerance", help="Of the proof: absolute in x64, relative in x32."),
    ] = None,
    skip_bench: Annotated[
        bool, typer.Option("--skip-bench", help="Leave out the measurement of speed.")
    ] = False,
    seed: SeedOption = None,
    overrides: SetOption = [],  # noqa: B006
    json: JsonOption = None,
) -> None:
    """Prove the environment: MJX against MuJoCo C, compiled against eager, and more."""
    from wildrobot_cli.commands.settings import load_config, prepare_jax

    prepare_jax()
    if tolerance is not None and not 0 < tolerance < math.inf:
        raise ConfigError(f"--tolerance: expected a number above 0, got {tolerance}")
    if robot is not None:
        overrides = [*overrides, f"env.robot={robot}"]
    settings = load_config(config, overrides, seed=seed, engine=engine, impl=impl)
    from wildrobot_cli.cli.validate_view import run_validation
    from wildrobot_cli.commands.validate import ValidationRequest, choose_modes, choose_precision

    request = ValidationRequest(
        config=settings,
        modes=choose_modes(mode, skip_bench),
        num_envs=num_envs,
        num_steps=num_steps,
        precision=choose_precision(x64, settings),
        tolerance=tolerance,
    )
    if not run_validation(request, json):
        raise typer.Exit(1)


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
    impl: ImplOption = None,
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
    run: Annotated[Path, typer.Argument(help="A run folder, or the log of a run on a robot.")],
    scenario: Annotated[
        list[str], typer.Option("--scenario", help="Scenario, or `all`; repeatable.")
    ] = ["flat"],  # noqa: B006
    episodes: Annotated[
        int | None, typer.Option("--episodes", min=1, help="Rollouts a scenario.")
    ] = None,
    checkpoint: CheckpointOption = None,
    video: Annotated[
        Path | None, typer.Option("--video", metavar="FILE", help="Animate it: .gif, .webp, .png.")
    ] = None,
    engine: EngineOption = None,
    seed: SeedOption = None,
    overrides: SetOption = [],  # noqa: B006
    json: JsonOption = None,
) -> None:
    """Measure a run's policy on scenarios, from physics; or the log of a run on a robot."""
    from wildrobot_cli.commands.settings import load_config, prepare_jax, prepare_rendering

    prepare_jax()
    if (run / "log.npz").is_file():
        given: dict[str, object] = {
            "--episodes": episodes,
            "--checkpoint": checkpoint,
            "--video": video,
        }
        given |= {"--engine": engine, "--seed": seed, "--set": overrides or None}
        _refuse_with("a log", given, "what was measured then cannot be changed")
        from wildrobot_cli.cli.eval_view import show_log

        if not show_log(run, json):
            raise typer.Exit(1)
        return
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


@app.command()
def export(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Folder to write; RUN/bundle if not set."),
    ] = None,
    checkpoint: CheckpointOption = None,
    quantize: Annotated[
        str | None,
        typer.Option("--quantize", metavar="int8", help="Also write a policy of 8 bits."),
    ] = None,
    json: JsonOption = None,
) -> None:
    """Write a policy bundle for a robot, and prove that it does what was trained."""
    from wildrobot_cli.commands.settings import prepare_jax

    prepare_jax()
    from wildrobot_cli.cli.export_view import ExportRequest, run_export
    from wildrobot_cli.training.run_folder import open_run

    if not run_export(ExportRequest(open_run(run), out, checkpoint, quantize, json)):
        raise typer.Exit(1)


@app.command()
def run(
    bundle: Annotated[Path, typer.Argument(help="A policy bundle: its folder or zip.")],
    forward: Annotated[float, typer.Option("--forward", help="Forward velocity [m/s].")] = 0.0,
    left: Annotated[float, typer.Option("--left", help="Leftward velocity [m/s].")] = 0.0,
    turn: Annotated[float, typer.Option("--turn", help="Turning rate [rad/s].")] = 0.0,
    seconds: Annotated[
        float, typer.Option("--seconds", help="Time to walk, then stop softly.")
    ] = float("inf"),
    log: Annotated[
        Path | None, typer.Option("--log", metavar="DIR", help="Folder of the log, to be made.")
    ] = None,
    quantized: Annotated[bool, typer.Option("--int8", help="Run the policy of 8 bits.")] = False,
    bus: Annotated[
        str | None,
        typer.Option("--bus", metavar="DEVICE", help="Servo bus of a real robot."),
    ] = None,
    imu: Annotated[
        str | None, typer.Option("--imu", metavar="DEVICE", help="IMU of a real robot.")
    ] = None,
    calibration: Annotated[
        Path | None, typer.Option("--calibration", metavar="FILE", help="Servo ids and zeros.")
    ] = None,
    robot: Annotated[
        str | None, typer.Option("--robot", help="Robot to simulate; else the trained one.")
    ] = None,
    latency: Annotated[
        float, typer.Option("--latency", min=0.0, help="Of the simulated servos [s].")
    ] = 0.0,
    drop: Annotated[
        float, typer.Option("--drop", min=0.0, max=1.0, help="Share of packets lost.")
    ] = 0.0,
) -> None:
    """Run a policy bundle on a robot; on a simulated one unless --bus is given."""
    from wildrobot_cli.cli.run_view import run_and_show
    from wildrobot_cli.commands.run import RunRequest

    command = (forward, left, turn)
    ways = (bus, imu, calibration, robot, latency, drop)
    code = run_and_show(RunRequest(bundle, command, seconds, log, quantized, *ways))
    if code:
        raise typer.Exit(code)


def _refuse_with(
    option: str, others: Mapping[str, object], why: str = "a run keeps its configuration"
) -> None:
    """Raise `ConfigError` when an option stands beside one that it excludes."""
    for name, value in others.items():
        if value is not None:
            raise ConfigError(f"{name} does not go with {option}: {why}")


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
