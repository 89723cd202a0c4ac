"""A process that measures one thing: its memory is its own, and it works only in its turns.

    python -m wildrobot_cli.bench.worker SUBJECT CONFIG NUM_ENVS

It writes one JSON object a line: when it is ready, and after each turn. A line on its standard
input begins a turn; the end of the input ends the process.
"""

import json
import os
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import IO

from wildrobot_cli.bench.stopwatch import Finished, Stopwatch
from wildrobot_cli.config.schema import Config
from wildrobot_cli.errors import WildRobotError
from wildrobot_cli.training.memory import peak_memory_mb


def stopwatch(answers: IO[str], turns: IO[str]) -> Stopwatch:
    """Make a stopwatch that tells its parent, and waits for it."""

    def wait() -> None:
        if not turns.readline():
            raise Finished

    def answer(name: str, value: float) -> None:
        tell(answers, {name: value})
        wait()

    return Stopwatch(partial(answer, "compile_s"), partial(answer, "speed"))


def tell(answers: IO[str], figures: Mapping[str, float]) -> None:
    """Answer with figures, and with the memory that was needed so far."""
    answers.write(json.dumps({**figures, "peak_memory_mb": peak_memory_mb()}) + "\n")
    answers.flush()


def private_output() -> IO[str]:
    """Keep standard output for answers: what libraries print goes to standard error."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return answers


def _physics(config: Config, num_envs: int, watch: Stopwatch) -> None:
    """Raw physics: of MuJoCo C without JAX, of MJX from starts that MuJoCo C has made."""
    if config.env.engine == "mujoco":
        from wildrobot_cli.bench.raw import own_physics

        return own_physics(config.env, num_envs, watch)
    import jax

    from wildrobot_cli.bench import compiled
    from wildrobot_cli.env.environment import WildRobotEnv
    from wildrobot_cli.physics.factory import check_batch

    check_batch(config.env, num_envs)
    starter = WildRobotEnv(config.env.model_copy(update={"engine": "mujoco"}))
    keys = jax.random.split(jax.random.PRNGKey(config.seed), num_envs)
    start = jax.jit(jax.vmap(starter.reset))(keys).pipeline_state
    return compiled.physics(WildRobotEnv(config.env), start, watch)


def _reference(config: Config, num_envs: int, watch: Stopwatch) -> None:
    from wildrobot_cli.bench.raw import reference_physics

    reference_physics(config.env, num_envs, watch)


def _env(config: Config, num_envs: int, watch: Stopwatch) -> None:
    from wildrobot_cli.bench import compiled
    from wildrobot_cli.env.imitation import training_env
    from wildrobot_cli.physics.factory import check_batch

    check_batch(config.env, num_envs)
    compiled.environment(training_env(config.env), num_envs, watch)


def _train(config: Config, _num_envs: int, watch: Stopwatch) -> None:
    from wildrobot_cli.bench import learning

    learning.ours(config, watch)


def _train_without_style(config: Config, _num_envs: int, watch: Stopwatch) -> None:
    from wildrobot_cli.bench import learning

    learning.ours(learning.without_style(config), watch)


def _brax(config: Config, _num_envs: int, watch: Stopwatch) -> None:
    from wildrobot_cli.bench import learning

    learning.brax(config, watch)


def _startup(config: Config) -> dict[str, float]:
    from wildrobot_cli.bench.startup import first_iteration

    return first_iteration(config)


def _breakdown(config: Config) -> dict[str, float]:
    from wildrobot_cli.bench.breakdown import breakdown

    return breakdown(config)


IN_TURNS: dict[str, Callable[[Config, int, Stopwatch], None]] = {
    "physics": _physics,
    "physics_reference": _reference,
    "env": _env,
    "train": _train,
    "train_without_style": _train_without_style,
    "brax_ppo": _brax,
}
"""What steps robots until it is told to stop."""
AT_ONCE: dict[str, Callable[[Config], dict[str, float]]] = {
    "startup": _startup,
    "breakdown": _breakdown,
}
"""What answers with figures, once."""


def main(subject: str, config: str, num_envs: str) -> None:
    """Measure a subject on a configuration until the parent has enough."""
    answers = private_output()
    try:
        settings = Config.from_file(config)
        if subject in AT_ONCE:
            tell(answers, AT_ONCE[subject](settings))
        else:
            IN_TURNS[subject](settings, int(num_envs), stopwatch(answers, sys.stdin))
    except Finished:
        return
    except WildRobotError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main(*sys.argv[1:])
