"""What a measurement of speed found, for people and for machines."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from wildrobot_cli.bench.comparison import Change
from wildrobot_cli.bench.rows import Row, ratio
from wildrobot_cli.bench.startup import Startup


@dataclass
class BenchResult:
    """What was measured. It grows as the measurement goes on."""

    device: Mapping[str, Any]
    """Machine and versions."""
    robot: str
    """The robot that was measured."""
    train_steps: int
    """Control steps that the configuration trains for."""
    yardstick: str
    """The physics that training is held against: of the reference model, or of the robot itself."""
    rows: list[Row] = field(default_factory=list)
    """Speeds."""
    startup: list[Startup] = field(default_factory=list)
    """Cold and warm start of a training."""
    us_per_env_step: Mapping[str, float] | None = None
    """Where the time of a training iteration goes [us]."""
    largest: dict[str, int] = field(default_factory=dict)
    """The most environments that were trained on the GPU, by implementation of MJX."""
    left_out: list[str] = field(default_factory=list)
    """What was not measured, and why."""
    changes: list[Change] = field(default_factory=list)
    """Against an earlier measurement."""
    complete: bool = True
    """Whether all was measured that was asked for, or noted in `left_out`."""

    @property
    def passed(self) -> bool:
        """Whether all was measured, and nothing slower than in an earlier measurement."""
        return self.complete and not any(change.is_regression for change in self.changes)

    @property
    def ratios(self) -> dict[str, float | None]:
        """How speeds compare, each at the first number of environments that has both; or None."""
        return {
            "train_over_physics": self._ratio("train", self.yardstick),
            "mujoco_over_mjx": self._ratio("physics", "physics", "mujoco", "mjx"),
            "train_over_brax_ppo": self._ratio("train", "brax_ppo"),
            "train_over_python_vector": self._ratio("train", "python_vector"),
            "train_over_without_style": self._ratio("train", "train_without_style"),
        }

    @property
    def time_to_walk_s(self) -> float | None:
        """Estimate of a training's whole time, from a warm start where that was measured [s]."""
        speeds = [row.median for row in self.rows if row.what == "train"]
        if not speeds:
            return None
        starting = self.startup[-1].total_s if self.startup else 0.0
        return starting + self.train_steps / speeds[0]

    @property
    def memory_kb_per_env(self) -> dict[str, float]:
        """Memory that an environment adds, where numbers of them were varied [KB]."""
        lines: dict[str, list[Row]] = {}
        for row in sorted(self.rows, key=lambda row: row.num_envs):
            lines.setdefault(row.name, []).append(row)
        return {
            name: 1024 * (line[-1].peak_memory_mb - line[0].peak_memory_mb) / added
            for name, line in lines.items()
            if (added := line[-1].num_envs - line[0].num_envs)
        }

    def to_json(self) -> dict[str, Any]:
        """All of it, for machines."""
        return {
            "passed": self.passed,
            "device": self.device,
            "robot": self.robot,
            "rows": [
                *(asdict(row) for row in self.rows),
                *(_startup_row(start, self.device) for start in self.startup),
            ],
            "ratios": self.ratios,
            "us_per_env_step": self.us_per_env_step,
            "time_to_walk_s": self.time_to_walk_s,
            "memory_kb_per_env": self.memory_kb_per_env,
            "largest_num_envs": self.largest,
            "left_out": self.left_out,
            "against": [
                {**asdict(change), "regression": change.is_regression} for change in self.changes
            ],
        }

    def _ratio(self, what: str, other: str, *engines: str) -> float | None:
        """Ratio of two rows with as many environments, on the engines if those are named."""
        for row in self.rows:
            for beside in self.rows:
                if (
                    (row.what, beside.what) == (what, other)
                    and row.num_envs == beside.num_envs
                    and (not engines or (row.engine, beside.engine) == engines)
                ):
                    return ratio(row, beside)
        return None


def _startup_row(start: Startup, device: Mapping[str, Any]) -> dict[str, Any]:
    """A start with the keys of the other rows; it has no speed."""
    empty = dict.fromkeys((item.name for item in fields(Row)), None)
    return {**empty, "what": "startup", "engine": device["engine"], **asdict(start)}
