"""`wildrobot export`: write and prove a policy bundle."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from wildrobot_cli.config.schema import Config
from wildrobot_cli.errors import ConfigError
from wildrobot_cli.export.export import export_bundle
from wildrobot_cli.export.job import Export
from wildrobot_cli.training.run_folder import RunFolder

Quantization = Literal["int8"]


def export_run(
    run: RunFolder,
    config: Config,
    out: Path | None,
    checkpoint: str | None,
    quantize: str | None,
    on_progress: Callable[[str], None],
) -> Export:
    """Export a run with a configuration, its own or a changed one.

    Raises:
        ConfigError: an unknown quantization, or a run or place that does not fit.
    """
    if quantize not in (None, "int8"):
        raise ConfigError(f"--quantize {quantize}: expected int8")
    return export_bundle(run, out, checkpoint, quantize is not None, config, on_progress)


def as_json(result: Export) -> dict[str, Any]:
    """Return what `--json` writes."""
    return {
        "passed": result.passed,
        "bundle": str(result.bundle) if result.passed else None,
        "max_abs_diff_onnx": result.largest("onnxruntime"),
        "closed_loop_max_abs_diff": result.largest("teacher-forced"),
        "latency_ms": result.latency_ms,
        "size_mb": result.size_mb,
        "verdict": result.verdict,
        "gates": [gate.as_json() for gate in result.gates],
        "evaluations": result.evaluations,
    }
