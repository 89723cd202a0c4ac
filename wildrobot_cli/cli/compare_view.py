"""What `wildrobot eval --against` and `--sim-to-sim` show: figures side by side."""

from typing import Any

from wildrobot_cli.cli.console import check_json, console, mark, show_rows, write_json
from wildrobot_cli.cli.eval_view import EvalDisplay, EvalRequest, show_verdict
from wildrobot_cli.evaluation.compare import Comparison, compare_runs, sim_to_sim
from wildrobot_cli.evaluation.differences import Difference, beyond


def run_comparison(request: EvalRequest) -> bool:
    """Measure two runs, or one in several simulations; print and write it, return the verdict."""
    check_json(request.json)
    display = EvalDisplay()
    measured: list[Comparison] = []
    asked = request.scenarios, request.episodes, request.overrides, request.checkpoint
    try:
        if request.against is None:
            sim_to_sim(request.run, *asked, display.update, measured.append)
        else:
            compare_runs(request.run, request.against, *asked, display.update, measured.append)
    finally:
        display.close()
        if measured:
            show_comparison(measured[-1])
            write_json(request.json, _results(measured[-1]))
    return measured[-1].passed


def _results(found: Comparison) -> dict[str, Any]:
    reference, *others = found.names
    missing = {"missing": found.missing} if found.missing else {}
    return {
        "passed": found.passed,
        "scenarios": found.figures[reference],
        "compared": {name: found.figures[name] for name in others},
        "differences": found.differences,
        **missing,
    }


def show_comparison(found: Comparison) -> None:
    """Print one table for each scenario and each that is compared, and the verdict."""
    reference = found.names[0]
    for name, scenarios in found.differences.items():
        for scenario, differences in scenarios.items():
            header = (scenario, reference, name, "difference", "95 % interval", "")
            show_rows("", header, [_row(*item) for item in differences.items()])
    console.print("means of episodes, paired by start and commands")
    console.print("* interval excludes 0  ** lies beyond the scenario's margin")
    if not found.strict:
        steps = zip(found.names, found.env_steps, strict=True)
        console.print(", ".join(f"{name}: {count:,} steps of training" for name, count in steps))
    show_verdict(found.figures[reference], found.missing, found.complete)
    if not found.strict:
        return
    for name, scenario, figure in found.flagged():
        difference = found.differences[name][scenario][figure]["difference"]
        where = f"{scenario}: {figure} on {name}"
        text = f": {where} differs by {difference:+.4g}, more than its margin and chance allow"
        console.print(mark(False, text))
    if found.complete and not found.flagged():
        console.print(mark(True, ": no difference beyond its margin"))


def _row(figure: str, difference: Difference) -> tuple[str, ...]:
    ends = difference["ci95"]
    interval = "-" if ends is None else f"{ends[0]:+.3g} .. {ends[1]:+.3g}"
    mark = "**" if difference["flagged"] else "*" if beyond(difference, 0.0) else ""
    sides = (f"{difference[side]:.4g}" for side in ("first", "second"))
    return figure, *sides, f"{difference['difference']:+.3g}", interval, mark
