"""MJX against MuJoCo C, an independent engine: the whole environment, proved equal at convergence.

The engines agree to rounding where the constraint solver is run to convergence; there the proof is
made. What each engine's own training settings give away is measured beside it.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import jax

from wildrobot_cli.config.environment import EngineName, EnvConfig, SolverConfig
from wildrobot_cli.env.environment import WildRobotEnv
from wildrobot_cli.errors import ConfigError
from wildrobot_cli.physics.factory import resolve_impl
from wildrobot_cli.robot import load_robot
from wildrobot_cli.validation.boundaries import Boundary, find_boundaries
from wildrobot_cli.validation.breakers import Breaker, measure_breakers
from wildrobot_cli.validation.compare import Difference, Record, difference, record
from wildrobot_cli.validation.hints import model_differences

Precision = Literal["float64", "float32"]

REFERENCE: EngineName = "mujoco"
CANDIDATE: EngineName = "mjx"
CONVERGED = SolverConfig(iterations=20, ls_iterations=20, tolerance=1e-12)
"""Solver settings that both engines reach convergence with."""
TOLERANCES: dict[Precision, float] = {"float64": 1e-10, "float32": 1e-3}
"""Largest difference that counts as equal."""
LEAST_CONTACT = 0.2
"""Share of states with a loaded foot, below which nothing is proved of contact."""
FLOAT32_ENVS = 64
"""Environments of the comparisons beside the proof: a solver stops too early only now and then."""


@dataclass(frozen=True)
class Figures:
    """One comparison of the two engines."""

    precision: Precision
    """JAX's precision."""
    solver: dict[str, dict[str, float]]
    """Solver settings by engine."""
    single_step: Difference
    """One control step from the reference's states."""
    free_running: Difference
    """Trajectories since the reset."""
    contact: float
    """Share of the states in which a foot switch bears load."""
    steps: int
    """Control steps."""
    envs: int
    """Environments."""
    ends: int
    """Steps on which the reference calls an episode ended: falls."""


@dataclass(frozen=True)
class Equivalence:
    """What was proved, at which precision, and what breaks it."""

    passed: bool
    """Whether every comparison at convergence is within its tolerance."""
    tolerance: float
    """Largest difference that counts as equal in `proof`."""
    proof: Figures
    """At convergence, in the precision that was asked for."""
    single_precision: Figures
    """At convergence in float32: the proof itself where that was asked for."""
    at_training_settings: Figures
    """In float32, each engine with its own settings."""
    boundaries: tuple[Boundary, ...]
    """Which part of the candidate differs, upstream first; empty when equal."""
    breakers: tuple[Breaker, ...]
    """Known features of the model that differ, and solver settings that stop too early."""
    without_breakers: float | None
    """Difference in qvel that is left without them; None when there was nothing to measure."""


def prove_equivalence(
    config: EnvConfig,
    *,
    seed: int = 0,
    num_envs: int = 8,
    num_steps: int = 50,
    precision: Precision = "float64",
    tolerance: float | None = None,
    on_progress: Callable[[str], None] = lambda stage: None,
) -> Equivalence:
    """Hold MJX against MuJoCo C on the same keys and random actions, and explain what differs.

    In float64 every figure counts, single steps and trajectories alike. In float32, where rounding
    adds up, single steps count: in shares of each quantity's largest value (soles push by 100 N),
    with encoders unrounded (angles that differ in the seventh digit can round to different steps).

    Args:
        config: the environment; its solver settings are used `at_training_settings` alone.
        seed: of start states, noise and actions.
        num_envs: environments.
        num_steps: control steps.
        precision: of the proof.
        tolerance: of the proof; by precision where it is None.
        on_progress: told which stage begins.

    Raises:
        ConfigError: MJX cannot simulate the robot, or computes in single precision alone.
    """
    if precision == "float64" and resolve_impl(config) == "warp":
        raise ConfigError("impl 'warp' computes in single precision: use --x32, or --impl jax")
    limit = TOLERANCES[precision] if tolerance is None else tolerance
    size, many = (seed, num_envs, num_steps), (seed, max(num_envs, FLOAT32_ENVS), num_steps)
    on_progress(f"{CANDIDATE} against {REFERENCE}, {precision}, solver converged")
    with jax.enable_x64(precision == "float64"):
        pair = _pair(_converged(config), rounded=precision == "float64")
        played = record(*pair, *size)
        proof = _figures(pair, played, precision)
        other_model = model_differences(*(env.engine.model for env in pair))
        equal = _equal(proof, limit) and not other_model
        boundaries: tuple[Boundary, ...] = ()
        breakers: tuple[Breaker, ...] = ()
        left = None
        if not equal:
            on_progress("looking for the part that differs")
            boundaries = _blame(pair, played, limit, other_model)
            on_progress("measuring the features that are known to differ")
            robot = load_robot(config.robot)
            breakers, left = measure_breakers(robot, _converged(config), *size, limit)
    single, single_limit = proof, limit
    if precision == "float64":
        on_progress(f"{CANDIDATE} against {REFERENCE}, float32, solver converged")
        single, single_limit = _measure(_converged(config), *many, False), TOLERANCES["float32"]
    on_progress(f"{CANDIDATE} against {REFERENCE}, float32, at training settings")
    training = _measure(config, *many, rounded=True)
    breakers += _early_stop(single, training, config)
    touched = proof.contact >= LEAST_CONTACT
    passed = equal and touched and _equal(single, single_limit)
    return Equivalence(passed, limit, proof, single, training, boundaries, breakers, left)


def _blame(
    pair: tuple[WildRobotEnv, WildRobotEnv], played: Record, tolerance: float, other_model: str
) -> tuple[Boundary, ...]:
    """Name the parts that differ; the model, where it differs by less than rounding shows."""
    found = find_boundaries(*pair, played, tolerance)
    if other_model and not any(boundary.part == "physics" for boundary in found):
        return (Boundary("physics", "model", math.nan, other_model),)
    return found


def _measure(config: EnvConfig, seed: int, num_envs: int, num_steps: int, rounded: bool) -> Figures:
    """Compare the engines in float32."""
    with jax.enable_x64(False):
        pair = _pair(config, rounded)
        return _figures(pair, record(*pair, seed, num_envs, num_steps, own_reset=False), "float32")


def _pair(config: EnvConfig, rounded: bool) -> tuple[WildRobotEnv, WildRobotEnv]:
    """Build the environment on both engines; `rounded` is whether encoders have a resolution."""
    return _build(config, REFERENCE, rounded), _build(config, CANDIDATE, rounded)


def _build(config: EnvConfig, engine: EngineName, rounded: bool) -> WildRobotEnv:
    # Each has a robot of its own: JAX 0.9 takes NumPy arrays that programs of both precisions
    # close over for one another.
    robot = load_robot(config.robot)
    if not rounded:
        servo = robot.servo.model_copy(update={"encoder_resolution": 0.0})
        robot = replace(robot, servo=servo)
    return WildRobotEnv(config.model_copy(update={"engine": engine}), robot=robot)


def _converged(config: EnvConfig) -> EnvConfig:
    settings = CONVERGED.model_dump()
    return config.model_copy(
        update={
            "mujoco": config.mujoco.model_copy(update=settings),
            "mjx": config.mjx.model_copy(update=settings),
        }
    )


def _figures(
    pair: tuple[WildRobotEnv, WildRobotEnv], played: Record, precision: Precision
) -> Figures:
    reference = pair[0]
    feet = reference.robot.feet
    sensors = played.reference.pipeline_state.physics.sensordata
    loads = [sensors[..., switch] for foot in (feet.left, feet.right) for switch in foot.switches]
    steps, envs = played.actions.shape[:2]
    return Figures(
        precision=precision,
        solver={env.engine.name: _solver(env) for env in pair},
        single_step=difference(reference, played.reference, played.single),
        free_running=difference(reference, played.reference, played.free),
        contact=float((sum(loads) > 0).mean()),
        ends=int(played.reference.done.sum()),
        steps=steps,
        envs=envs,
    )


def _solver(env: WildRobotEnv) -> dict[str, float]:
    option = env.engine.model.opt
    return {name: getattr(option, name) for name in SolverConfig.model_fields}


def _equal(figures: Figures, tolerance: float) -> bool:
    """Whether a comparison holds; NaN does not."""
    single, free = figures.single_step, figures.free_running
    if figures.precision == "float32":
        return single.relative <= tolerance and single.done_agreement == 1.0
    largest = max(*single.max_abs_diff.values(), *free.max_abs_diff.values())
    return largest <= tolerance and single.done_agreement == free.done_agreement == 1.0


def _early_stop(converged: Figures, training: Figures, config: EnvConfig) -> tuple[Breaker, ...]:
    """Name the solver's settings where they, and not the model, make the engines differ."""
    gaps = [figures.single_step.max_abs_diff["qvel"] for figures in (converged, training)]
    if gaps[0] > TOLERANCES["float32"] or gaps[1] <= TOLERANCES["float32"]:
        return ()
    where = f"env.mjx: iterations {config.mjx.iterations}, ls_iterations {config.mjx.ls_iterations}"
    remedy = (
        f"raise both (at {CONVERGED.iterations} they converge), or accept slightly other physics"
    )
    return (Breaker("solver stopped before convergence", where, gaps[1], remedy),)
