"""What `wildrobot export` shows: what it is doing, what held, and the next command to type."""

from dataclasses import dataclass
from pathlib import Path

from wildrobot_cli.cli.console import check_json, console, mark, show_table, write_json
from wildrobot_cli.commands.export import as_json
from wildrobot_cli.config.base import Range
from wildrobot_cli.config.schema import Config
from wildrobot_cli.export.export import export_bundle
from wildrobot_cli.export.job import Export
from wildrobot_cli.training.run_folder import RunFolder


@dataclass(frozen=True)
class ExportRequest:
    """What was asked of `wildrobot export`."""

    run: RunFolder
    """The run."""
    config: Config
    """Its configuration, with overrides."""
    seed: int
    """Of the proof."""
    out: Path
    """Where the bundle goes."""
    checkpoint: str | None
    """Which checkpoint: `best`, `latest` or its control steps; the newest when None."""
    quantize: bool
    """Whether to write a policy of 8 bits, too."""
    json: Path | None
    """Results file to write."""


def run_export(request: ExportRequest) -> bool:
    """Export a run, print the proof, write what was asked; return whether it held."""
    check_json(request.json, outside=request.out)
    result = export_bundle(
        request.run,
        request.out,
        request.checkpoint,
        request.quantize,
        request.config,
        request.seed,
        lambda stage: console.print(stage, style="dim"),
    )
    _show(result, request.config.env.commands.forward)
    write_json(request.json, as_json(result))
    return result.passed


def _show(result: Export, forward: Range) -> None:
    rows = [
        (gate.name, f"{gate.found:.3g}", f"{gate.limit:g}", "held" if gate.passed else "FAILED")
        for gate in result.gates
    ]
    show_table("proof", ("", "found", "at most", ""), rows)
    for name, metrics in result.evaluations.items():
        console.print(
            f"{name}: {metrics['successes']} of {metrics['episodes']} rollouts without a fall, "
            f"{metrics['distance_m']:.2f} m",
            soft_wrap=True,
        )
    latency = result.latency_ms
    console.print(
        f"a control step takes {latency['median']:.3f} ms of one core, {latency['p99']:.3f} ms at "
        f"the 99th percentile; the zip has {result.size_mb:.2f} MB",
        soft_wrap=True,
    )
    if result.passed:
        console.print(mark(True, f": bundle in {result.bundle}, and as a zip beside it"))
        console.print(f"  wildrobot run {result.bundle} --forward {sum(forward) / 2:g}")
    else:
        for gate in (gate for gate in result.gates if not gate.passed):
            found = f"{gate.name}: {gate.found:.3g}, at most {gate.limit:g}"
            console.print(": ".join(filter(None, (found, gate.where))), soft_wrap=True)
        console.print(mark(False, ": no bundle was written"), soft_wrap=True)
        console.print(result.verdict, soft_wrap=True)
