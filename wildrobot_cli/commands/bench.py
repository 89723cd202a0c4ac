"""`wildrobot bench`: how fast physics, environment and training are here, and beside others."""

import importlib.util
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, get_args

import jax

from wildrobot_cli.bench import gpu
from wildrobot_cli.bench.comparison import YARDSTICK, compare, missing, read_rows
from wildrobot_cli.bench.fleet import OnProgress, Subject, ask, measure, starts
from wildrobot_cli.bench.learning import brax_runs_here
from wildrobot_cli.bench.result import BenchResult
from wildrobot_cli.bench.rows import Row, What
from wildrobot_cli.commands.settings import load_config
from wildrobot_cli.config.schema import Config
from wildrobot_cli.errors import ConfigError, WildRobotError, suggest
from wildrobot_cli.physics.factory import resolve_engine, resolve_impl
from wildrobot_cli.training.policy import batch_config
from wildrobot_cli.training.run_folder import describe_machine

Wanted = Literal["physics", "env", "train", "startup"]
WANTED: tuple[Wanted, ...] = get_args(Wanted)
TURNS = 7
"""Turns of each row."""
PACKAGED = "wildrobot"
"""The robot that the reference model was taken from."""


@dataclass(frozen=True)
class BenchRequest:
    """What was asked of `wildrobot bench`."""

    configs: tuple[Config, ...]
    """The configuration, once for each number of environments, its engine named."""
    wanted: tuple[Wanted, ...]
    """What to measure."""
    engines: tuple[str, ...]
    """Engines whose physics is measured alone."""
    gpu: bool
    """Whether to measure what a GPU is for."""
    against: Path | None
    """An earlier measurement."""
    turns: int
    """Turns of each row."""


def choose_wanted(name: str) -> tuple[Wanted, ...]:
    """Return what a name means: itself, or all.

    Raises:
        ConfigError: there is no such thing to measure.
    """
    if name != "all" and name not in WANTED:
        raise ConfigError(f"--what {name}: no such thing{suggest(name, (*WANTED, 'all'))}")
    return tuple(wanted for wanted in WANTED if name in (wanted, "all"))


def make_request(
    config: str,
    overrides: Sequence[str],
    seed: int | None,
    engine: str | None,
    num_envs: tuple[int, ...],
    wanted: tuple[Wanted, ...],
    on_gpu: bool,
    against: Path | None,
) -> BenchRequest:
    """Load the configuration once for each number of environments, its engine named.

    Raises:
        ConfigError: naming the option or the key, what was expected and what was found.
        EnvironmentUnavailable: a GPU was asked for, and JAX sees none.
    """
    if on_gpu and engine not in (None, "mjx"):
        raise ConfigError(f"--gpu measures MJX: expected --engine mjx or none, found {engine}")
    if on_gpu:
        gpu.require_gpu()
        engine, num_envs = "mjx", num_envs or gpu.SIZES
    load = partial(load_config, config, tuple(overrides), seed=seed)
    named = resolve_engine(load(engine=engine).env.engine)
    configs = tuple(load(engine=named, num_envs=number) for number in num_envs or (None,))
    engines = ("mujoco", "mjx") if engine in (None, "auto") else (named,)
    return BenchRequest(configs, wanted, engines, on_gpu, against, TURNS)


def bench(
    request: BenchRequest,
    on_progress: OnProgress,
    on_begin: Callable[[BenchResult], None] | None = None,
) -> BenchResult:
    """Measure.

    Args:
        request: what was asked.
        on_progress: called with what is being done.
        on_begin: called with the result before anything is in it: it holds what was measured when
            the measurement is ended early.

    Raises:
        ConfigError: the configuration or the earlier measurement is wrong.
        EnvironmentUnavailable: something that was asked for cannot run here.
    """
    first = request.configs[0]
    engine, device = first.env.engine, str(jax.devices()[0].device_kind)
    before = []
    if request.against:
        before = read_rows(request.against, first.env.robot, device)
        _check_comparable(request, before)
    own = first.env.robot == PACKAGED
    result = BenchResult(
        device=describe_machine(first.seed, engine, device, jax.default_backend() == "cpu"),
        train_steps=first.ppo.steps,
        robot=first.env.robot,
        yardstick=YARDSTICK if own and not request.gpu else "physics",
    )
    if on_begin is not None:
        on_begin(result)
    result.complete = False
    if request.gpu:
        _measure_gpu(request, result, on_progress)
    else:
        _measure_cpu(request, result, on_progress)
    result.complete = True
    if request.against:
        result.changes = compare(result.rows, before)
        named = [row.name for row in missing(result.rows, before)]
        result.left_out += [f"{name}: measured before, not now" for name in named]
    return result


def _check_comparable(request: BenchRequest, before: Sequence[Row]) -> None:
    """Raise `ConfigError` where an earlier measurement has nothing that is measured now."""
    place = f"--against {request.against}"
    whats = {"physics", "env", "train"} & set(request.wanted)
    if not whats:
        raise ConfigError(f"{place}: starts are not compared; leave --against or --what out")
    engine = request.configs[0].env.engine
    now = {batch_config(config, engine).num_envs for config in request.configs}
    then = {row.num_envs for row in before if row.what in whats}
    if not now & then:
        sizes = ", ".join(map(str, sorted(then)))
        had = f"it has {sizes} environments" if then else "it has no such rows"
        raise ConfigError(
            f"{place}: no row of {', '.join(sorted(whats))} that is measured now with "
            f"{', '.join(map(str, sorted(now)))} environments; {had}"
        )


def _measure_cpu(request: BenchRequest, result: BenchResult, on_progress: OnProgress) -> None:
    """All rows of one number of environments in turns; then what is measured alone."""
    variables = gpu.environment() if jax.default_backend() == "gpu" else None
    for config in request.configs:
        subjects = list(_rows(request, config, result))
        if subjects:
            result.rows += measure(subjects, request.turns, on_progress, variables)
    if "train" in request.wanted:
        on_progress("where the time of a training iteration goes")
        result.us_per_env_step = _without_memory(ask("breakdown", request.configs[0], variables))
    if "startup" in request.wanted:
        result.startup = starts(request.configs[0], on_progress, variables)


def _rows(request: BenchRequest, config: Config, result: BenchResult) -> Iterator[Subject]:
    """What is measured with one number of environments; peers with the first number alone."""
    engine = config.env.engine
    num_envs = batch_config(config, engine).num_envs

    def subject(what: What, on: str = engine) -> Subject:
        settings = config.model_copy(update={"env": config.env.model_copy(update={"engine": on})})
        impl = resolve_impl(settings.env) if on == "mjx" else None
        return Subject(what, impl, num_envs, settings)

    if {"physics", "env", "train"} & set(request.wanted):
        yield subject("physics_reference", "mujoco")
    if "physics" in request.wanted:
        yield from (subject("physics", on) for on in request.engines)
    if "env" in request.wanted:
        yield subject("env")
    if "train" in request.wanted:
        if "physics" not in request.wanted and result.yardstick == "physics":
            yield subject("physics")
        yield subject("train")
        if config.amp:
            yield subject("train_without_style")
        elif config is request.configs[0]:
            yield from (subject(what) for what in _peers(config, result))


def _peers(config: Config, result: BenchResult) -> Iterator[What]:
    """Other people's trainings that can run here; what cannot is noted."""
    if brax_runs_here():
        yield "brax_ppo"
    else:
        result.left_out.append(f"Brax ppo.train: needs JAX below 0.10, here is {jax.__version__}")
    lacking = [name for name in ("gymnasium", "torch") if not importlib.util.find_spec(name)]
    if config.env.robot != PACKAGED:
        result.left_out.append(f"Python vector: knows the robot '{PACKAGED}' alone")
    elif lacking:
        result.left_out.append(
            f"Python vector: needs {' and '.join(lacking)}: "
            "pip install -r benchmarks/requirements.txt"
        )
    else:
        yield "python_vector"


def _measure_gpu(request: BenchRequest, result: BenchResult, on_progress: OnProgress) -> None:
    """Each row alone, so that its memory is all there is; then the largest batch that fits."""
    variables = gpu.environment()
    result.device = {**result.device, "variables": variables}
    whats: list[What] = [what for what in ("physics", "env", "train") if what in request.wanted]
    impls = ["jax", "warp"] if gpu.has_warp() else ["jax"]
    if not gpu.has_warp():
        result.left_out.append("MJX warp: pip install 'wildrobot[warp]'")
    for impl in impls:
        for what in whats:
            for config in request.configs:
                subject = _on_gpu(config, what, impl)
                with _noting(result, subject.name):
                    result.rows += measure([subject], request.turns, on_progress, variables)
                    continue
                break  # more environments will not fit either
        if "train" in whats:
            trained = [r.num_envs for r in result.rows if (r.what, r.impl) == ("train", impl)]
            if trained:
                result.largest[impl] = _largest(
                    request.configs[-1], impl, max(trained), on_progress
                )
    if "train" in request.wanted:
        with _noting(result, "where the time of a training iteration goes"):
            answer = ask("breakdown", request.configs[0], variables)
            result.us_per_env_step = _without_memory(answer)
    if "startup" in request.wanted:
        with _noting(result, "start of a training"):
            result.startup = starts(request.configs[0], on_progress, variables)


@contextmanager
def _noting(result: BenchResult, name: str) -> Iterator[None]:
    """Note what could not be measured, and keep what was: hours may lie behind it."""
    try:
        yield
    except WildRobotError as error:
        result.left_out.append(f"{name}: {error}")


def _on_gpu(config: Config, what: What, impl: str, num_envs: int | None = None) -> Subject:
    """A subject on MJX; `num_envs` None is as configured."""
    mjx = config.env.mjx.model_copy(update={"impl": impl})
    env = config.env.model_copy(update={"engine": "mjx", "mjx": mjx})
    number = num_envs or config.ppo.mjx.num_envs
    batch = config.ppo.mjx.model_copy(update={"num_envs": number})
    ppo = config.ppo.model_copy(update={"mjx": batch})
    return Subject(what, impl, number, config.model_copy(update={"env": env, "ppo": ppo}))


def _largest(config: Config, impl: str, trained: int, on_progress: OnProgress) -> int:
    """The most environments that a training takes on this GPU: `trained`, or twice, ..."""

    def fits(num_envs: int) -> bool:
        subject = _on_gpu(config, "train", impl, num_envs)
        try:
            return bool(measure([subject], 1, on_progress, gpu.environment()))
        except WildRobotError:
            return False

    return gpu.largest_that_fits(fits, trained)


def _without_memory(answer: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in answer.items() if name != "peak_memory_mb"}
