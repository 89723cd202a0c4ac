"""Where the time of a training iteration goes.

Four programs that hold one another run in turns: the environment with random actions; the same with
the policy, kept for learning; the whole iteration; the iteration with its metrics fetched and
logged. On MuJoCo C the time inside physics is taken in each of them, so that what remains are
differences between what is not physics.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
from brax.training.acting import generate_unroll
from brax.training.agents.ppo.networks import make_inference_fn

from wildrobot_cli.bench import compiled
from wildrobot_cli.config.schema import Config
from wildrobot_cli.env.environment import WildRobotEnv
from wildrobot_cli.env.imitation import training_env
from wildrobot_cli.physics.mujoco import MujocoEngine
from wildrobot_cli.training.amp import BINS
from wildrobot_cli.training.histograms import on_host
from wildrobot_cli.training.learner import Learner
from wildrobot_cli.training.metrics_log import MetricsLog
from wildrobot_cli.training.policy import batch_config
from wildrobot_cli.training.run_folder import RunFolder
from wildrobot_cli.training.trainer import make_learner

TURNS = 9
"""Times that each program runs; medians count."""

Piece = Callable[[], int]
"""Does a piece of work; returns its control steps over all environments."""


class Time(NamedTuple):
    """What a control step of a program takes [us]."""

    physics: float
    """Inside `TimedEngine`."""
    rest: float
    """Outside of it."""


class TimedEngine(MujocoEngine):
    """MuJoCo C that counts the time it works."""

    def __init__(self, env: WildRobotEnv) -> None:
        """Take the place of an environment's engine."""
        config = env.config
        root, threads = env.robot.root_body, config.mujoco.threads
        super().__init__(env.engine.model, root, config.substeps, threads)
        self._digest += "_timed"
        self.seconds = 0.0

    def _run(self, *arguments: Any) -> None:
        begin = time.perf_counter()
        super()._run(*arguments)
        self.seconds += time.perf_counter() - begin


def breakdown(config: Config) -> dict[str, float]:
    """Measure what a control step of training spends where, in microseconds.

    Returns:
        `physics`; `environment`: observation, reward, restarts, and the call into physics;
        `policy`: acting and keeping what was seen; `learning`; `other`: fetching and logging.
    """
    env = training_env(config.env)
    engine = TimedEngine(env) if env.backend == "mujoco" else None
    if engine is not None:
        env.engine = engine
    batch = batch_config(config, env.backend)
    learner = make_learner(config, env)
    with (
        tempfile.TemporaryDirectory(prefix="wildrobot-bench-") as folder,
        MetricsLog(RunFolder(Path(folder)), 0, wandb=False) as log,
    ):
        pieces = {
            "environment": _looped(
                *compiled.environment_program(env, batch.num_envs), batch.num_envs
            ),
            "policy": _acting(learner),
            "learning": _iterating(learner, None),
            "other": _iterating(learner, log),
        }
        if engine is None:
            pieces = {"physics": _physics(env, batch.num_envs), **pieces}
        return shares(_measure(pieces, engine))


def shares(times: dict[str, Time]) -> dict[str, float]:
    """From programs that hold one another to what each adds to the one before [us]."""
    names = ("environment", "policy", "learning", "other")
    alone = times["physics"].rest if "physics" in times else 0.0
    rest = [alone, *(times[name].rest for name in names)]
    added = {
        name: after - before for name, before, after in zip(names, rest, rest[1:], strict=False)
    }
    return {"physics": alone or times["other"].physics, **added}


def _measure(pieces: dict[str, Piece], engine: TimedEngine | None) -> dict[str, Time]:
    """Run all pieces in turns, after two of warm-up; return the medians."""
    turns = [
        {name: _time(piece, engine) for name, piece in pieces.items()} for _ in range(2 + TURNS)
    ]
    return {
        name: Time(*map(statistics.median, zip(*(turn[name] for turn in turns[2:]), strict=True)))
        for name in pieces
    }


def _time(piece: Piece, engine: TimedEngine | None) -> Time:
    busy, begin = engine.seconds if engine else 0.0, time.perf_counter()
    steps = piece()
    elapsed = time.perf_counter() - begin
    inside = engine.seconds - busy if engine else 0.0
    return Time(1e6 * inside / steps, 1e6 * (elapsed - inside) / steps)


def _looped(program: compiled.Program, state: Any, num_envs: int) -> Piece:
    """Run a program on its own output, for the control steps of a chunk."""
    held, run = (jax.random.PRNGKey(0), state), jax.jit(program)

    def piece() -> int:
        nonlocal held
        held = jax.block_until_ready(run(*held))
        return compiled.CHUNK * num_envs

    return piece


def _physics(env: WildRobotEnv, num_envs: int) -> Piece:
    keys = jax.random.split(jax.random.PRNGKey(0), num_envs)
    start = jax.jit(jax.vmap(env.reset))(keys).pipeline_state
    return _looped(*compiled.physics_program(env, start), num_envs)


def _acting(learner: Learner) -> Piece:
    """Collect an unroll, without learning from it."""
    state = learner.init(jax.random.PRNGKey(0))
    make_policy = make_inference_fn(learner.networks)

    def program(rng: jax.Array, env: Any) -> tuple[jax.Array, Any, Any]:
        rng, key = jax.random.split(rng)
        policy = make_policy((state.normalizer, state.params.policy, state.params.value))
        length, kept = learner.unroll_length, learner.extra_fields
        return rng, *generate_unroll(learner.env, env, policy, key, length, kept)

    held, run = (jax.random.PRNGKey(0), state.env), jax.jit(program)

    def piece() -> int:
        nonlocal held
        *held, _ = jax.block_until_ready(run(*held))
        return learner.steps_per_iteration

    return piece


def _iterating(learner: Learner, log: MetricsLog | None) -> Piece:
    """Take an iteration; with a log, do with its metrics what training does."""
    state = learner.init(jax.random.PRNGKey(0))
    run, steps = learner.compiled(state), 0

    def piece() -> int:
        nonlocal state, steps
        state, metrics, _ = run(state)
        jax.block_until_ready(state)
        if log is not None:
            steps += learner.steps_per_iteration
            figures, spreads = on_host(metrics, BINS)
            log.write(steps, figures, spreads)
        return learner.steps_per_iteration

    return piece
