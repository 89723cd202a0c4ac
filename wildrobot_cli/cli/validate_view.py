"""What `wildrobot validate` shows: progress, one table to read at a glance, and what to do."""

from collections.abc import Mapping
from pathlib import Path

from rich.table import Table
from rich.text import Text

from wildrobot_cli.cli.console import check_json, console, mark, stages, write_json
from wildrobot_cli.commands.validate import (
    Mode,
    Outcome,
    Performance,
    ValidationRequest,
    to_json,
    validate,
)
from wildrobot_cli.validation.boundaries import Boundary
from wildrobot_cli.validation.compare import Difference
from wildrobot_cli.validation.equivalence import (
    LEAST_CONTACT,
    TOLERANCES,
    Equivalence,
    Figures,
)
from wildrobot_cli.validation.jit import Jit
from wildrobot_cli.validation.smoke import Smoke

Line = tuple[str, str, str, bool | None]
"""What was checked, what was found, what was expected, whether it holds; None asks for nothing."""


def run_validation(request: ValidationRequest, json: Path | None) -> bool:
    """Validate, print the table, write the JSON; return whether all gates held."""
    check_json(json)
    with stages() as show:
        outcomes = validate(request, show)
    console.print(_table(request.config.env.robot, outcomes))
    for outcome in outcomes.values():
        if isinstance(outcome, Equivalence):
            _explain(outcome)
    passed = all(outcome.passed for outcome in outcomes.values())
    failed = ", ".join(mode for mode, outcome in outcomes.items() if not outcome.passed)
    console.print(mark(passed, "" if passed else f": {failed}"))
    write_json(json, to_json(outcomes))
    return passed


def _table(title: str, outcomes: Mapping[Mode, Outcome]) -> Table:
    """One line for each thing that was checked; what was expected stands where it failed."""
    table = Table(title=title, title_justify="left", title_style="bold", show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(ratio=1)
    table.add_column(no_wrap=True)
    for mode, outcome in outcomes.items():
        table.add_row(Text(mode, style="bold"))
        for label, found, expected, holds in _lines(outcome):
            text = f"{found}\nexpected: {expected}" if holds is False else found
            table.add_row(f"  {label}", text, _verdict(holds))
        table.add_section()
    return table


def _verdict(holds: bool | None) -> Text:
    if holds is None:
        return Text("")
    return Text("ok", style="green") if holds else Text("FAILED", style="bold red")


def _lines(outcome: Outcome) -> list[Line]:
    if isinstance(outcome, Smoke):
        return [(c.name, c.measured, c.expected, c.passed) for c in outcome.checks]
    if isinstance(outcome, Equivalence):
        return _equivalence_lines(outcome)
    if isinstance(outcome, Jit):
        return _jit_lines(outcome)
    return _performance_lines(outcome)


def _equivalence_lines(outcome: Equivalence) -> list[Line]:
    """The proof and its gates; then what holds at training settings, without a gate."""
    proof, single = outcome.proof, outcome.single_precision
    lines: list[Line] = []
    if proof.precision == "float64":
        limit = outcome.tolerance
        for label, gap in _runs(proof):
            worst = max(gap.max_abs_diff.values())
            holds = worst <= limit and gap.done_agreement == 1.0
            lines.append((f"float64 {label}", _largest(proof, gap), _limit(limit), holds))
    limit = outcome.tolerance if single is proof else TOLERANCES["float32"]
    gap = single.single_step
    found = f"{gap.relative:.1e} of the range{_falls(single, gap)}"
    holds = gap.relative <= limit and gap.done_agreement == 1.0
    lines.append(("float32 single steps", found, _limit(limit), holds))
    share = f"a foot bears load in {proof.contact:.0%} of the states"
    enough = proof.contact >= LEAST_CONTACT
    lines.append(("contact", share, f"at least {LEAST_CONTACT:.0%}", enough))
    trained = outcome.at_training_settings
    for label, gap in _runs(trained):
        lines.append((f"as trained {label}", _largest(trained, gap), "", None))
    return lines


def _limit(value: float) -> str:
    return f"at most {value:g}, the same falls"


def _runs(figures: Figures) -> tuple[tuple[str, Difference], ...]:
    return ("single steps", figures.single_step), ("trajectories", figures.free_running)


def _largest(figures: Figures, gap: Difference) -> str:
    name, value = max(gap.max_abs_diff.items(), key=lambda item: item[1])
    if name == "sensordata":
        name = max(gap.sensors, key=lambda sensor: gap.sensors[sensor])
    return f"{value:.1e} in {name}{_falls(figures, gap)}"


def _falls(figures: Figures, gap: Difference) -> str:
    steps = figures.steps * figures.envs
    differ = round((1.0 - gap.done_agreement) * steps)
    return f", {figures.ends} falls alike" if not differ else f", {differ} steps end otherwise"


def _jit_lines(outcome: Jit) -> list[Line]:
    limit = outcome.tolerance
    gaps = {
        "eager = compiled": outcome.max_abs_diff_eager,
        "batch = members alone": outcome.max_abs_diff_vmap,
        "scan = loop": outcome.max_abs_diff_scan,
        "donated = kept buffers": outcome.max_abs_diff_donated,
    }
    lines: list[Line] = [
        (label, f"{gap:.1e}", f"at most {limit:g}", gap <= limit) for label, gap in gaps.items()
    ]
    again = outcome.recompiles_after_warmup
    lines.append(("compiled after warm-up", str(again), "0", again == 0))
    return lines


_WHAT = {"physics": "physics", "env": "environment"}


def _performance_lines(outcome: Performance) -> list[Line]:
    lines: list[Line] = [
        (
            f"{_WHAT[row.what]} on {row.engine}" + (f" {row.impl}" if row.impl else ""),
            f"{row.median:,.0f} steps/s, compiled in {row.compile_s:.0f} s",
            "",
            None,
        )
        for row in outcome.rows
    ]
    lines.append(("mujoco over mjx, physics", f"{outcome.mujoco_over_mjx:.1f}", "", None))
    return lines


def _explain(outcome: Equivalence) -> None:
    """Say which part differs, which features of the model break equality, and what to change."""
    for boundary in outcome.boundaries:
        console.print(_sentence(boundary))
    for breaker in outcome.breakers:
        console.print(
            f"{breaker.feature} ({breaker.where}) makes qvel differ by "
            f"{breaker.difference:.1e}: {breaker.remedy}"
        )
    if outcome.without_breakers is not None:
        console.print(
            f"without features of that kind qvel differs by {outcome.without_breakers:.1e}"
        )


def _sentence(boundary: Boundary) -> str:
    text = f"{boundary.part} {boundary.name} differs by {boundary.difference:.1e}"
    return f"{text}: {boundary.hint}" if boundary.hint else text
