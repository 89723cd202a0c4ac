"""The commands of the robot: `export` and `run`."""

from pathlib import Path
from typing import Annotated

import typer

from wildrobot_cli.cli.options import CheckpointOption, JsonOption, SeedOption, SetOption
from wildrobot_cli.errors import ConfigError


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
    seed: SeedOption = None,
    overrides: SetOption = [],  # noqa: B006
    json: JsonOption = None,
) -> None:
    """Write a policy bundle for a robot, and prove that it does what was trained."""
    from wildrobot_cli.commands.settings import load_config, open_trained, prepare_jax
    from wildrobot_cli.export.files import bundle_folder, check_target

    prepare_jax()
    if quantize not in (None, "int8"):
        raise ConfigError(f"--quantize {quantize}: expected int8")
    folder = open_trained(run, checkpoint, overrides)
    target = bundle_folder(folder, out)
    check_target(target)
    settings = load_config(folder.config_file, overrides)
    proof_seed = load_config(folder.config_file, overrides, seed=seed).seed  # or refused by name
    from wildrobot_cli.cli.export_view import ExportRequest, run_export

    ways = (target, checkpoint, quantize is not None, json)
    if not run_export(ExportRequest(folder, settings, proof_seed, *ways)):
        raise typer.Exit(1)


def run(
    bundle: Annotated[Path, typer.Argument(help="A policy bundle: its folder or zip.")],
    forward: Annotated[float, typer.Option("--forward", help="Forward velocity \\[m/s].")] = 0.0,
    left: Annotated[float, typer.Option("--left", help="Leftward velocity \\[m/s].")] = 0.0,
    turn: Annotated[float, typer.Option("--turn", help="Turning rate \\[rad/s].")] = 0.0,
    seconds: Annotated[
        float, typer.Option("--seconds", help="Time to walk, then stop softly \\[s].")
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
        Path | None,
        typer.Option("--calibration", metavar="FILE", help="How the servos are mounted."),
    ] = None,
    robot: Annotated[
        str | None, typer.Option("--robot", help="Robot to simulate; else the trained one.")
    ] = None,
    latency: Annotated[
        float, typer.Option("--latency", min=0.0, help="Of the simulated servos \\[s].")
    ] = 0.0,
    drop: Annotated[
        float, typer.Option("--drop", min=0.0, max=1.0, help="Share of packets lost.")
    ] = 0.0,
    json: JsonOption = None,
) -> None:
    """Run a policy bundle on a robot; on a simulated one unless --bus is given."""
    from wildrobot_cli.cli.run_view import run_and_show
    from wildrobot_cli.commands.run import RunRequest

    command = (forward, left, turn)
    ways = (bus, imu, calibration, robot, latency, drop)
    code = run_and_show(RunRequest(bundle, command, seconds, log, quantized, *ways), json)
    if code:
        raise typer.Exit(code)
