"""`wildrobot validate`: prove the environment before anyone trains on it."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

import jax

from wildrobot_cli.bench.compiled import measure_environment, measure_physics
from wildrobot_cli.bench.rows import Row
from wildrobot_cli.config.schema import Config
from wildrobot_cli.env.environment import WildRobotEnv
from wildrobot_cli.errors import ConfigError, suggest
from wildrobot_cli.physics.factory import resolve_engine, resolve_impl
from wildrobot_cli.training.policy import batch_config
from wildrobot_cli.validation.compare import Difference
from wildrobot_cli.validation.equivalence import (
    CANDIDATE,
    REFERENCE,
    TOLERANCES,
    Equivalence,
    Figures,
    Precision,
    prove_equivalence,
)
from wildrobot_cli.validation.jit import Jit, check_jit
from wildrobot_cli.validation.smoke import Smoke, smoke

Mode = Literal["smoke", "equivalence", "jit", "performance"]
MODES: tuple[Mode, ...] = ("smoke", "equivalence", "jit", "performance")
JIT_STEPS = 10
"""Control steps that every way of running takes, at most: eager ones are slow."""


@dataclass(frozen=True)
class Performance:
    """Measured speed; nothing to pass or fail."""

    rows: tuple[Row, ...]
    """Physics on both engines, then the environment on the configured one."""
    passed: bool = True
    """Measuring it is all."""

    @property
    def mujoco_over_mjx(self) -> float:
        """How many times faster MuJoCo C steps physics than MJX, on the same machine."""
        reference, candidate = self.rows[:2]
        return reference.median / candidate.median


Outcome = Smoke | Equivalence | Jit | Performance


@dataclass(frozen=True)
class ValidationRequest:
    """What was asked of `wildrobot validate`."""

    config: Config
    """The configuration."""
    modes: tuple[Mode, ...]
    """What to do, in this order."""
    num_envs: int
    """Environments of smoke, equivalence and jit."""
    num_steps: int
    """Control steps."""
    precision: Precision
    """Of smoke, equivalence and jit."""
    tolerance: float | None
    """Largest difference that counts as equal; by precision where it is None."""


def choose_modes(name: str, skip_bench: bool) -> tuple[Mode, ...]:
    """Return the modes that a name means: itself, or all.

    Raises:
        ConfigError: there is no such mode, or nothing is left of it.
    """
    if name != "all" and name not in MODES:
        raise ConfigError(f"--mode {name}: no such mode{suggest(name, (*MODES, 'all'))}")
    chosen = tuple(mode for mode in MODES if name in (mode, "all"))
    if skip_bench:
        chosen = tuple(mode for mode in chosen if mode != "performance")
    if not chosen:
        raise ConfigError("--skip-bench leaves nothing of --mode performance")
    return chosen


def choose_precision(x64: bool | None, config: Config) -> Precision:
    """Return the precision of the proof: double, unless told or where MJX has only single."""
    if x64 is None:
        return "float32" if resolve_impl(config.env) == "warp" else "float64"
    return "float64" if x64 else "float32"


def validate(request: ValidationRequest, on_progress: Callable[[str], None]) -> dict[Mode, Outcome]:
    """Carry out the modes, and return what each found.

    Raises:
        ConfigError: the configuration or the robot is wrong, or MJX cannot simulate it.
        EnvironmentUnavailable: the engine does not run here.
    """
    run: dict[Mode, Callable[[ValidationRequest, Callable[[str], None]], Outcome]] = {
        "smoke": _smoke,
        "equivalence": _equivalence,
        "jit": _jit,
        "performance": _performance,
    }
    return {mode: run[mode](request, on_progress) for mode in request.modes}


def _smoke(request: ValidationRequest, on_progress: Callable[[str], None]) -> Smoke:
    on_progress(f"smoke on {resolve_engine(request.config.env.engine)}")
    with jax.enable_x64(request.precision == "float64"):
        env = WildRobotEnv(request.config.env)
        calm = WildRobotEnv(request.config.env.undisturbed())
        return smoke(env, calm, request.config.seed, request.num_envs, request.num_steps)


def _equivalence(request: ValidationRequest, on_progress: Callable[[str], None]) -> Equivalence:
    return prove_equivalence(
        request.config.env,
        seed=request.config.seed,
        num_envs=request.num_envs,
        num_steps=request.num_steps,
        precision=request.precision,
        tolerance=request.tolerance,
        on_progress=on_progress,
    )


def _jit(request: ValidationRequest, on_progress: Callable[[str], None]) -> Jit:
    on_progress(f"jit on {resolve_engine(request.config.env.engine)}")
    tolerance = request.tolerance or TOLERANCES[request.precision]
    with jax.enable_x64(request.precision == "float64"):
        env = WildRobotEnv(request.config.env)
        steps = min(request.num_steps, JIT_STEPS)
        return check_jit(env, request.config.seed, request.num_envs, steps, tolerance)


def _performance(request: ValidationRequest, on_progress: Callable[[str], None]) -> Performance:
    """Measure in float32, at the training's number of environments."""
    config = request.config
    name = resolve_engine(config.env.engine)
    num_envs = batch_config(config, name).num_envs
    rows = []
    with jax.enable_x64(False):
        envs = {
            engine: WildRobotEnv(config.env.model_copy(update={"engine": engine}))
            for engine in (REFERENCE, CANDIDATE)
        }
        keys = jax.random.split(jax.random.PRNGKey(config.seed), num_envs)
        start = jax.jit(jax.vmap(envs[REFERENCE].reset))(keys).pipeline_state
        for engine, env in envs.items():
            on_progress(f"speed of physics on {engine}")
            rows.append(measure_physics(env, start))
        on_progress(f"speed of the environment on {name}")
        rows.append(measure_environment(envs[name], num_envs))
    return Performance(tuple(rows))


def to_json(outcomes: dict[Mode, Outcome]) -> dict[str, Any]:
    """What was found, for machines."""
    return {
        "passed": all(outcome.passed for outcome in outcomes.values()),
        "modes": {
            mode: {"passed": outcome.passed, **_plain(outcome)}
            for mode, outcome in outcomes.items()
        },
    }


def _plain(outcome: Outcome) -> dict[str, Any]:
    if isinstance(outcome, Equivalence):
        return _plain_equivalence(outcome)
    details = asdict(outcome)
    if isinstance(outcome, Performance):
        details["ratios"] = {"mujoco_over_mjx": outcome.mujoco_over_mjx}
    return details


def _plain_equivalence(outcome: Equivalence) -> dict[str, Any]:
    return {
        "reference": REFERENCE,
        "candidate": CANDIDATE,
        "tolerance": outcome.tolerance,
        **_plain_figures(outcome.proof),
        "single_precision": _plain_figures(outcome.single_precision),
        "at_training_settings": _plain_figures(outcome.at_training_settings),
        "boundaries": [asdict(boundary) for boundary in outcome.boundaries],
        "breakers": [asdict(breaker) for breaker in outcome.breakers],
        "without_breakers": outcome.without_breakers,
    }


def _plain_figures(figures: Figures) -> dict[str, Any]:
    """One comparison; `terms` are those of single steps and trajectories, whichever is larger."""
    single, free = figures.single_step, figures.free_running
    terms = {name: max(gap, free.terms[name]) for name, gap in single.terms.items()}
    keys = ("precision", "steps", "envs", "solver", "contact", "ends")
    return {
        **{key: getattr(figures, key) for key in keys},
        "single_step": _plain_difference(single),
        "free_running": _plain_difference(free),
        "terms": terms,
    }


def _plain_difference(difference: Difference) -> dict[str, Any]:
    keys = ("max_abs_diff", "sensors", "relative", "done_agreement")
    return {key: getattr(difference, key) for key in keys}
