"""The same policy with weights and activations of 8 bits, by onnxruntime's own tool."""

import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from wildrobot_cli.runtime.bundles.policy import INPUT

CALIBRATION = 2000
"""Observations that the ranges of the activations are measured on."""


def quantized(model: onnx.ModelProto, observations: np.ndarray) -> bytes:
    """Return an ONNX file with int8 weights, each layer's inputs in uint8; its metadata stays.

    Args:
        model: the float model.
        observations: seen in rollouts. Shape (b, d), float32.
    """
    chosen = np.linspace(0, len(observations) - 1, CALIBRATION).astype(int)
    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder) / "float.onnx", Path(folder) / "int8.onnx"
        onnx.save(model, before)
        logging.disable(
            logging.WARNING
        )  # it advises steps that a graph of four layers has no use for
        quantize_static(
            before,
            after,
            _Reader(observations[chosen]),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            op_types_to_quantize=["Gemm"],
        )
        logging.disable(logging.NOTSET)
        made = onnx.load(after)
    del made.metadata_props[:]
    made.metadata_props.extend(model.metadata_props)
    onnx.checker.check_model(made, full_check=True)
    return made.SerializeToString()


class _Reader(CalibrationDataReader):
    """Gives observations one by one, as the tool asks for them."""

    def __init__(self, observations: np.ndarray) -> None:
        self._rows: Iterator[np.ndarray] = iter(observations)

    def get_next(self) -> dict[str, np.ndarray] | None:
        row = next(self._rows, None)
        return None if row is None else {INPUT: row[None]}
