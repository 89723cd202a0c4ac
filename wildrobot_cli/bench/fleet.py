"""Measuring processes that take turns: each row has a process and its memory to itself."""

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from wildrobot_cli.bench.rows import Row, What, name_of
from wildrobot_cli.bench.startup import Cache, Startup
from wildrobot_cli.config.loader import dump
from wildrobot_cli.config.resources import benchmark_dir
from wildrobot_cli.config.schema import Config
from wildrobot_cli.errors import ConfigError, EnvironmentUnavailable

OnProgress = Callable[[str], None]
COMPILE_CACHE = "JAX_COMPILATION_CACHE_DIR"
GRACE = 10.0
"""Time that a process has to end by itself [s]."""
_RAISED = re.compile(r"[\w.]*(Error|Exception)\b")
"""The line of a traceback that says what it was; JAX and bindings write more beneath it."""
WARM_STARTS = 3
"""Starts with a warm cache; the median one counts."""


@dataclass(frozen=True)
class Subject:
    """One thing to be measured."""

    what: What
    """What is stepped."""
    impl: str | None
    """What is behind MJX."""
    num_envs: int
    """Environments stepped together."""
    config: Config
    """The configuration, its engine named."""

    @property
    def name(self) -> str:
        """What people call it."""
        name = name_of(self.what, self.config.env.engine, self.impl)
        return f"{name}, {self.num_envs} environments"


class MeasuringFailed(EnvironmentUnavailable):
    """A measuring process ended before it had answered."""


class Worker:
    """A process that measures; see `bench.worker` for what is said between both."""

    def __init__(
        self,
        program: Sequence[str],
        config: Config,
        num_envs: int,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start it.

        Args:
            program: Python's arguments that run it, before configuration and environments.
            config: what to measure it on.
            num_envs: environments stepped together.
            environment: variables beside those of this process.
        """
        self._folder = tempfile.TemporaryDirectory(prefix="wildrobot-bench-")
        file, errors = Path(self._folder.name, "config.yaml"), Path(self._folder.name, "errors")
        file.write_text(dump(config), encoding="utf-8")
        self._name, self._errors = program[-1], errors
        with errors.open("w") as stderr:
            self._process = subprocess.Popen(
                [sys.executable, *program, str(file), str(num_envs)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                env={**os.environ, **(environment or {})},
            )

    def answer(self) -> dict[str, float]:
        """Wait for its next answer.

        Raises:
            ConfigError: it refused the configuration.
            EnvironmentUnavailable: it cannot measure here, or has died.
        """
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if line:
            return {key: float(value) for key, value in json.loads(line).items()}
        code = self._process.wait()
        lines = self._errors.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        raised = (line for line in reversed(lines) if _RAISED.match(line))
        reason = next(raised, lines[-1] if lines else f"it ended with code {code}")
        if code == ConfigError.exit_code:
            raise ConfigError(reason)
        if code == EnvironmentUnavailable.exit_code:
            raise EnvironmentUnavailable(reason)
        hint = "; the system killed it: was there enough memory?" if code < 0 else ""
        raise MeasuringFailed(f"measuring {self._name} failed: {reason}{hint}")

    def turn(self) -> dict[str, float]:
        """Let it work for a turn, and return what it measured."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write("\n")
            self._process.stdin.flush()
        return self.answer()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the process: one that waits for its turn ends by itself, and clears up."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._folder.cleanup()


def measure(
    subjects: Sequence[Subject],
    turns: int,
    on_progress: OnProgress,
    environment: Mapping[str, str] | None = None,
) -> list[Row]:
    """Measure programs in one run: build each, then let them work in turns.

    Raises:
        ConfigError: one refused its configuration.
        EnvironmentUnavailable: one cannot measure here, or has died.
    """
    with ExitStack() as stack:
        workers, ready = [], []
        for subject in subjects:
            on_progress(f"building {subject.name}")
            worker = _start(subject, environment)
            workers.append(stack.enter_context(worker))
            ready.append(worker.answer())
        answers: list[list[dict[str, float]]] = [[] for _ in workers]
        for turn in range(turns):
            on_progress(f"turn {turn + 1} of {turns}, {subjects[0].num_envs} environments")
            for worker, told in zip(workers, answers, strict=True):
                told.append(worker.turn())
    return [
        _row(subject, first["compile_s"], told)
        for subject, first, told in zip(subjects, ready, answers, strict=True)
    ]


def _start(subject: Subject, environment: Mapping[str, str] | None) -> Worker:
    program = ["-m", "wildrobot_cli.bench.worker", subject.what]
    if subject.what == "python_vector":
        program = [str(benchmark_dir() / "python_vector.py")]
    return Worker(program, subject.config, subject.num_envs, environment)


def _row(subject: Subject, compile_s: float, told: Sequence[Mapping[str, float]]) -> Row:
    speeds = [answer["speed"] for answer in told]
    engine = subject.config.env.engine
    key = (subject.what, engine, subject.impl, subject.num_envs)
    return Row.of(key, speeds, compile_s, max(answer["peak_memory_mb"] for answer in told))


def ask(job: str, config: Config, environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Let a process of its own do a job that answers once; see `bench.worker.AT_ONCE`."""
    with Worker(("-m", "wildrobot_cli.bench.worker", job), config, 0, environment) as worker:
        return worker.answer()


def starts(
    config: Config, on_progress: OnProgress, environment: Mapping[str, str] | None = None
) -> list[Startup]:
    """Start a training with an empty compilation cache, then with what that has left."""
    with tempfile.TemporaryDirectory(prefix="wildrobot-bench-cache-") as cache:

        def start(kind: Cache) -> Startup:
            on_progress(f"starting a training, {kind} cache")
            began = time.time()
            return Startup.of(
                kind, began, ask("startup", config, {**(environment or {}), COMPILE_CACHE: cache})
            )

        cold, warm = start("cold"), [start("warm") for _ in range(WARM_STARTS)]
    middle = statistics.median_low(start.total_s for start in warm)
    return [cold, next(start for start in warm if start.total_s == middle)]
