"""The policy as it runs on a robot: an ONNX model under onnxruntime, on one core."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from wildrobot_cli.errors import ConfigError, EnvironmentUnavailable
from wildrobot_cli.runtime.bundles.bundle import Bundle
from wildrobot_cli.runtime.bundles.external_data import has_external_data

INPUT, TARGETS, ACTION = "observation", "joint_targets", "action"
"""Names of the model's input and outputs."""


class OnnxPolicy:
    """From raw observations to joint targets."""

    def __init__(self, model: bytes, source: str, observation_size: int, joints: int) -> None:
        """Load a model, and check that it takes and gives what is expected.

        Args:
            model: the content of an ONNX file.
            source: what messages call it.
            observation_size: how many numbers the policy sees.
            joints: how many joints the robot has.

        Raises:
            ConfigError: it is not a model, has weights elsewhere, or its inputs or outputs are
                others.
            EnvironmentUnavailable: onnxruntime is missing.
        """
        try:
            import onnxruntime
        except ImportError:
            raise EnvironmentUnavailable(
                "running a policy needs onnxruntime: pip install 'wildrobot[export]'"
            ) from None
        _check_self_contained(source, model)
        options = onnxruntime.SessionOptions()
        options.add_session_config_entry("session.load_model_format", "ONNX")  # as was checked
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        try:
            self._session = onnxruntime.InferenceSession(
                model, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime has many, all its own
            reason = str(error).splitlines()[0]
            raise ConfigError(f"{source}: onnxruntime cannot load it: {reason}") from None
        self._check_ends(source, {INPUT: observation_size, TARGETS: joints, ACTION: joints})
        self._try(source, observation_size)

    @property
    def metadata(self) -> dict[str, str]:
        """What the file says of itself, by key."""
        return dict(self._session.get_modelmeta().custom_metadata_map)

    def __call__(self, observation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return joint targets [rad] and the action behind them. Shape (d,) -> (n,), (n,)."""
        targets, action = self.batch(observation[None])
        return targets[0], action[0]

    def batch(self, observations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Do it for many. Shape (b, d) -> (b, n), (b, n)."""
        targets, action = self._session.run((TARGETS, ACTION), {INPUT: observations})
        return targets, action

    def _inputs(self) -> list[Any]:
        return list(self._session.get_inputs())

    def _check_ends(self, source: str, expected: Mapping[str, int]) -> None:
        """Raise `ConfigError` when inputs or outputs are others, or of other sizes."""
        found = {end.name: end for end in (*self._inputs(), *self._session.get_outputs())}
        for name, size in expected.items():
            if name not in found or not _is_batch_of(size, found[name].shape):
                got = found[name].shape if name in found else f"only {', '.join(found)}"
                raise ConfigError(f"{source}: {name}: expected shape [batch, {size}], got {got}")
            if found[name].type != "tensor(float)":
                raise ConfigError(f"{source}: {name}: expected float32, got {found[name].type}")
        if set(found) != set(expected):
            extra = ", ".join(sorted(set(found) - set(expected)))
            raise ConfigError(f"{source}: unexpected input or output: {extra}")

    def _try(self, source: str, observation_size: int) -> None:
        """Raise `ConfigError` when the model loads and yet does not run."""
        try:
            self(np.zeros(observation_size, np.float32))
        except Exception as error:  # onnxruntime has many, all its own
            reason = str(error).splitlines()[0]
            raise ConfigError(f"{source}: onnxruntime cannot run it: {reason}") from None


def _check_self_contained(source: str, model: bytes) -> None:
    """Raise `ConfigError` for a model whose weights are not all in it: no checksum holds them."""
    try:
        outside = has_external_data(model)
    except ValueError as error:
        raise ConfigError(f"{source}: not an ONNX model: {error}") from None
    if outside:
        raise ConfigError(f"{source}: has weights outside of it (external data)")


def _is_batch_of(size: int, shape: list[Any]) -> bool:
    """Whether a shape is that of any number of rows with so many numbers."""
    return len(shape) == 2 and not isinstance(shape[0], int) and shape[1] == size


def load(bundle: Bundle, quantized: bool = False) -> OnnxPolicy:
    """Load a bundle's policy, or its quantized one.

    Raises:
        ConfigError: the bundle has none, or the model, or what it says of itself, does not fit
            `policy.json`.
    """
    description = bundle.description
    model = description.quantized if quantized else description.model
    if model is None:
        raise ConfigError(f"{bundle.path}: no quantized model; export with --quantize int8")
    source = f"{bundle.path}: {model.file}"
    size, joints = description.observation_size, len(description.joints.names)
    policy = OnnxPolicy(bundle.files[model.file], source, size, joints)
    _check_metadata(source, policy.metadata, description.document)
    return policy


def _check_metadata(source: str, metadata: dict[str, str], document: Mapping[str, Any]) -> None:
    """Raise `ConfigError` for the first key of `policy.json` that the model says otherwise."""
    try:
        said = {key: json.loads(text) for key, text in metadata.items()}
    except (ValueError, RecursionError):
        raise ConfigError(f"{source}: its metadata is not JSON") from None
    place = differing(said, document)
    if place is not None:
        raise ConfigError(f"{source}: its metadata and policy.json differ in {place}")


def differing(ours: Any, theirs: Any, path: str = "") -> str | None:
    """Return the path of the first key in which two documents differ; None where none does."""
    if not (isinstance(ours, Mapping) and isinstance(theirs, Mapping)):
        return None if ours == theirs else path
    for key in sorted({*ours, *theirs}):
        below = f"{path}.{key}" if path else str(key)
        if key not in ours or key not in theirs:
            return below
        if (place := differing(ours[key], theirs[key], below)) is not None:
            return place
    return None
