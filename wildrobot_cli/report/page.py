"""The page itself: what goes into it, and writing it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wildrobot_cli.errors import EnvironmentUnavailable
from wildrobot_cli.evaluation.evaluate import Evaluation
from wildrobot_cli.evaluation.table import (
    beyond_training,
    describe_gate,
    figure_rows,
    scenario_rows,
    unmeasured,
)
from wildrobot_cli.report.animation import Animation
from wildrobot_cli.report.drawing import STYLE, Picture
from wildrobot_cli.report.learning import learning_pictures
from wildrobot_cli.report.servos import servo_pictures
from wildrobot_cli.report.tracking import tracking_pictures
from wildrobot_cli.report.walking import walking_pictures
from wildrobot_cli.robot import Robot
from wildrobot_cli.training.metrics_log import read_metrics
from wildrobot_cli.training.records import read_record
from wildrobot_cli.training.run_folder import RunFolder, write_atomically
from wildrobot_cli.whole import check_name

TEMPLATE = "page.html.j2"


@dataclass(frozen=True)
class Section:
    """Pictures under one heading."""

    title: str
    """The heading."""
    pictures: list[Picture]
    """What stands under it."""
    folded: bool = False
    """Whether the reader has to open it."""


def check_report(path: Path) -> None:
    """Raise when a report could not be written to `path`, before the work is done.

    Raises:
        ConfigError: the name is a folder's, does not end in .html, or its folder is not there.
        EnvironmentUnavailable: matplotlib or Jinja2 is missing.
    """
    check_name("--report", path, (".html", ".htm"))
    try:
        import jinja2  # noqa: F401
        import matplotlib  # noqa: F401
    except ImportError:
        raise EnvironmentUnavailable(
            "--report needs matplotlib and Jinja2: pip install 'wildrobot[plots]'"
        ) from None


def write_report(
    path: Path,
    run: RunFolder,
    robot: Robot,
    evaluation: Evaluation,
    animation: Animation,
    on_progress: Callable[[float], None] | None = None,
) -> None:
    """Write a page about a run: how it learnt, and what an evaluation of it showed.

    Args:
        path: file to write, whole or not at all.
        run: the run; its metrics.jsonl, config.yaml and provenance.json are read.
        robot: that walked.
        evaluation: what was measured; its first scenario is shown in full.
        animation: of the first scenario.
        on_progress: called with the share that is done, in 0..1.

    Raises:
        EnvironmentUnavailable: matplotlib or Jinja2 is missing, or the disk refuses.
    """
    from matplotlib import rc_context

    with rc_context(STYLE):
        sections = _sections(run, robot, evaluation, on_progress or (lambda _: None))
    name = next(iter(evaluation.scenarios))
    page = _render(
        run=evaluation.run,
        passed=evaluation.passed,
        held=sum(len(figures["gates"]) for figures in evaluation.scenarios.values()),
        broken=_broken(evaluation),
        beyond=[*beyond_training(evaluation.scenarios), *unmeasured(evaluation.missing)],
        facts=_facts(run, evaluation),
        shown=name,
        rows=figure_rows(evaluation.scenarios[name]),
        suite=scenario_rows(evaluation.scenarios) if len(evaluation.scenarios) > 1 else None,
        animation=animation,
        sections=[section for section in sections if section.pictures],
    )
    try:
        write_atomically(path, page)
    except OSError as error:
        raise EnvironmentUnavailable(f"{path}: cannot write: {error.strerror}") from error


def _sections(
    run: RunFolder, robot: Robot, evaluation: Evaluation, on_progress: Callable[[float], None]
) -> list[Section]:
    """The first scenario in full, of the others the commands; then the learning."""
    config = run.config
    (name, first), *others = evaluation.trajectories.items()
    made = [Section(f"Following commands: {name}", tracking_pictures(first))]
    on_progress(0.3)
    made.append(Section(f"Gait: {name}", walking_pictures(first, robot, config.env)))
    on_progress(0.6)
    made.append(Section(f"Servos: {name}", servo_pictures(first, robot)))
    on_progress(0.8)
    for other, trajectory in others:
        drawn, episodes = trajectory.episodes, evaluation.scenarios[other]["episodes"]
        some = f", {drawn} of {episodes} episodes" if drawn < episodes else ""
        made.append(
            Section(f"Scenario {other}{some}", tracking_pictures(trajectory)[:2], folded=True)
        )
    made.append(Section("Learning", learning_pictures(list(read_metrics(run)), config)))
    on_progress(1.0)
    return made


def _broken(evaluation: Evaluation) -> list[str]:
    """What is to be said of each gate that did not hold."""
    return [
        f"{name}: {describe_gate(gate, verdict)}"
        for name, figures in evaluation.scenarios.items()
        for gate, verdict in figures["gates"].items()
        if not verdict["passed"]
    ]


def _facts(run: RunFolder, evaluation: Evaluation) -> list[tuple[str, str]]:
    """What the page says of the run beside its figures: label and value."""
    facts = [("control steps of training", f"{evaluation.env_steps:,}")]
    known = read_record(run.provenance_file)
    for key, label in (("seed", "seed"), ("engine", "trained on engine"), ("device", "on device")):
        if key in known:
            facts.append((label, str(known[key])))
    versions = known.get("versions", {})
    names = ("wildrobot", "mujoco", "jax", "brax")
    listed = ", ".join(f"{name} {versions[name]}" for name in names if versions.get(name))
    facts += [("versions", listed)] if listed else []
    return facts + ([("commit", known["git_commit"][:12])] if known.get("git_commit") else [])


def _render(**content: Any) -> str:
    """Fill the template; whatever the content holds stays text."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(TEMPLATE).render(content)
