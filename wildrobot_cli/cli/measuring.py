"""The commands that measure: `validate`, `bench`, `eval` and `replay`."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from wildrobot_cli.cli.options import (
    CONFIG,
    CheckpointOption,
    ConfigOption,
    EngineOption,
    ImplOption,
    JsonOption,
    ReportOption,
    RobotOption,
    SeedOption,
    SetOption,
    VideoOption,
    refuse_with,
)
from wildrobot_cli.errors import ConfigError


def validate(
    config: ConfigOption = None,
    mode: Annotated[
        str, typer.Option("--mode", help="smoke, equivalence, jit, performance or all.")
    ] = "all",
    num_envs: Annotated[int, typer.Option("--num-envs", min=1, help="Environments.")] = 8,
    num_steps: Annotated[int, typer.Option("--num-steps", min=3, help="Control steps.")] = 50,
    engine: EngineOption = None,
    impl: ImplOption = None,
    robot: RobotOption = None,
    x64: Annotated[
        bool | None, typer.Option("--x64/--x32", help="Precision of the proof; x64 if it can.")
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option("--tolerance", help="Absolute in x64 and for jit, relative in x32."),
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
    settings = load_config(
        config or CONFIG, overrides, seed=seed, engine=engine, impl=impl, robot=robot
    )
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


def bench(
    config: ConfigOption = None,
    what: Annotated[
        str, typer.Option("--what", help="physics, env, train, startup or all.")
    ] = "all",
    gpu: Annotated[
        bool, typer.Option("--gpu", help="MJX on a GPU: many sizes, and the largest that fits.")
    ] = False,
    engine: EngineOption = None,
    num_envs: Annotated[
        list[int],
        typer.Option("--num-envs", min=1, help="Environments stepped together; repeatable."),
    ] = [],  # noqa: B006
    against: Annotated[
        Path | None,
        typer.Option("--against", metavar="FILE", help="An earlier --json to hold it against."),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", help="Plot it: .png, .svg, .pdf.")
    ] = None,
    seed: SeedOption = None,
    overrides: SetOption = [],  # noqa: B006
    json: JsonOption = None,
) -> None:
    """Measure speed: physics, environment, training, start-up; beside other people's programs."""
    from wildrobot_cli.commands.settings import prepare_jax

    prepare_jax()
    from wildrobot_cli.cli.bench_view import run_benchmark
    from wildrobot_cli.commands.bench import choose_wanted, make_request

    wanted, sizes = choose_wanted(what), tuple(num_envs)
    request = make_request(config or CONFIG, overrides, seed, engine, sizes, wanted, gpu, against)
    if not run_benchmark(request, json, plot):
        raise typer.Exit(1)


def evaluate(
    run: Annotated[Path, typer.Argument(help="A run folder, or the log of a run on a robot.")],
    scenario: Annotated[
        list[str],
        typer.Option(
            "--scenario",
            help="Scenario (name or YAML file), or `all`; repeatable.",
            show_default="flat",
        ),
    ] = [],  # noqa: B006
    episodes: Annotated[
        int | None, typer.Option("--episodes", min=1, help="Rollouts a scenario.")
    ] = None,
    checkpoint: CheckpointOption = None,
    against: Annotated[
        Path | None,
        typer.Option("--against", metavar="RUN2", help="Measure another run beside it."),
    ] = None,
    sim_to_sim: Annotated[
        bool,
        typer.Option("--sim-to-sim", help="Hold both engines and half the physics step to it."),
    ] = False,
    video: VideoOption = None,
    report: ReportOption = None,
    engine: EngineOption = None,
    seed: SeedOption = None,
    overrides: SetOption = [],  # noqa: B006
    json: JsonOption = None,
) -> None:
    """Measure a run's policy on scenarios, from physics; or the log of a run on a robot."""
    from wildrobot_cli.commands.settings import (
        as_overrides,
        open_trained,
        prepare_jax,
        prepare_rendering,
        rendering_obstacle,
    )

    prepare_jax()
    from wildrobot_cli.runtime.log import is_log

    pictures: dict[str, object] = {"--video": video, "--report": report}
    if is_log(run):
        given: dict[str, object] = {"--scenario": scenario or None, "--set": overrides or None}
        given |= {"--episodes": episodes, "--checkpoint": checkpoint, "--against": against}
        given |= {"--sim-to-sim": sim_to_sim or None, "--engine": engine, "--seed": seed}
        _show_log(run, given | pictures, json)
        return
    if sim_to_sim:
        others = {"--against": against, "--engine": engine} | pictures
        refuse_with("--sim-to-sim", others, "it measures one run on both engines")
    if against is not None:
        refuse_with("--against", pictures, "draw one run at a time")
    no_rendering = None
    if video is not None:
        prepare_rendering()
    elif report is not None:
        no_rendering = rendering_obstacle()
    from wildrobot_cli.config.scenario import load_scenarios
    from wildrobot_cli.training.checkpoint_list import checkpoint_of_other

    folder = open_trained(run, checkpoint, overrides)
    other = None
    if against is not None:
        other = open_trained(against, checkpoint_of_other(checkpoint), overrides)
    scenarios = tuple(scenario) or ("flat",)
    load_scenarios(scenarios)
    from wildrobot_cli.cli.compare_view import run_comparison
    from wildrobot_cli.cli.eval_view import EvalRequest, run_evaluation

    page = None if report is None else Path(report) if report else folder.report_file
    request = EvalRequest(
        run=folder,
        scenarios=scenarios,
        episodes=episodes,
        overrides=(*overrides, *as_overrides({"seed": seed, "env.engine": engine})),
        checkpoint=checkpoint,
        against=other,
        sim_to_sim=sim_to_sim,
        video=video,
        report=page,
        no_rendering=no_rendering,
        json=json,
    )
    compares = sim_to_sim or against is not None
    if not (run_comparison(request) if compares else run_evaluation(request)):
        raise typer.Exit(1)


def _show_log(log: Path, given: Mapping[str, object], json: Path | None) -> None:
    """Show what was measured on a robot, when nothing else was asked for."""
    refuse_with("a log", given, "what was measured then cannot be changed")
    from wildrobot_cli.cli.eval_view import show_log

    if not show_log(log, json):
        raise typer.Exit(1)


def replay(
    dump: Annotated[Path, typer.Argument(help="A dump in a run's faults folder.")],
    video: VideoOption = None,
) -> None:
    """Show the last steps of a simulation that failed in training."""
    from wildrobot_cli.commands.settings import prepare_jax, prepare_rendering

    prepare_jax()
    if video is not None:
        prepare_rendering()
    from wildrobot_cli.cli.replay_view import show_replay

    show_replay(dump, video)
