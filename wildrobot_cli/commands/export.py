"""What `wildrobot export --json` writes."""

from typing import Any

from wildrobot_cli.export.job import Export


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
