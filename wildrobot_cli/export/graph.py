"""A policy network as an ONNX graph: normaliser, MLP, tanh, joint targets. Exact, node by node."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from wildrobot_cli.env.environment import POLICY_KEY
from wildrobot_cli.runtime.bundles.policy import ACTION, INPUT, TARGETS
from wildrobot_cli.training.symmetry import Reflection, Symmetry

OPSET = 17
"""Operators are of this version: every onnxruntime since 1.12 runs them."""
IR_VERSION = 8
"""Of the file format, which goes with the operators."""
PRODUCER = "wildrobot"


@dataclass(frozen=True, eq=False)
class Network:
    """A deterministic policy in plain arrays, all float32."""

    mean: np.ndarray | None
    """Of the observations; None where they are not normalised. Shape (d,)."""
    std: np.ndarray | None
    """Shape (d,)."""
    kernels: tuple[np.ndarray, ...]
    """Of each layer; the last gives mean and spread of the action. Shapes (in, out)."""
    biases: tuple[np.ndarray, ...]
    """Shapes (out,)."""
    home: np.ndarray
    """Joint targets for an action of zero [rad]. Shape (n,)."""
    action_scale: float
    """Joint angle for an action of 1 [rad]."""
    lower: np.ndarray
    """Lowest joint targets [rad]. Shape (n,)."""
    upper: np.ndarray
    """Highest joint targets [rad]. Shape (n,)."""
    symmetry: Symmetry | None = None
    """How it sees the right foot's half of the gait cycle, where that is in a mirror."""


def network_of(tree: Mapping[str, Any], key: str, normalized: bool, **joints: Any) -> Network:
    """Take a network out of a checkpoint's policy tree.

    Args:
        tree: `normalizer` and `params`, as `training.policy.policy_tree` makes it.
        key: of the policy's observation among those that are normalised.
        normalized: whether the policy normalises its observations.
        joints: `home`, `action_scale`, `lower`, `upper` and `symmetry` of `Network`.
    """
    layers = tree["params"]["params"]
    names = [f"hidden_{index}" for index in range(len(layers))]
    normalizer = tree["normalizer"]
    return Network(
        mean=np.asarray(normalizer.mean[key]) if normalized else None,
        std=np.asarray(normalizer.std[key]) if normalized else None,
        kernels=tuple(np.asarray(layers[name]["kernel"]) for name in names),
        biases=tuple(np.asarray(layers[name]["bias"]) for name in names),
        **joints,
    )


def to_onnx(network: Network, metadata: Mapping[str, str]) -> onnx.ModelProto:
    """Build the model: raw observations in; joint targets, and the action behind them, out."""
    graph = _Graph()
    value, is_right = INPUT, ""
    if network.symmetry is not None:
        is_right = graph.is_negative(INPUT, network.symmetry.clock)
        value = graph.mirrored("seen", value, network.symmetry.observations[POLICY_KEY], is_right)
    if network.mean is not None and network.std is not None:
        value = graph.add("Sub", value, graph.constant("mean", network.mean))
        value = graph.add("Div", value, graph.constant("std", network.std))
    last = len(network.kernels) - 1
    for index, (kernel, bias) in enumerate(zip(network.kernels, network.biases, strict=True)):
        if index == last:  # the spread of the action, its second half, is for training alone
            kernel, bias = kernel[:, : len(network.home)], bias[: len(network.home)]
        names = (graph.constant(f"kernel_{index}", kernel), graph.constant(f"bias_{index}", bias))
        value = graph.add("Gemm", value, *names)
        if index != last:
            value = graph.add("Mul", value, graph.add("Sigmoid", value))
    if network.symmetry is not None:
        value = graph.mirrored("action", value, network.symmetry.action, is_right)
    action = graph.add("Tanh", value, name=ACTION)
    scale = graph.constant("action_scale", np.float32(network.action_scale))
    value = graph.add("Mul", action, scale)
    value = graph.add("Add", value, graph.constant("home", network.home))
    value = graph.add("Max", value, graph.constant("lower", network.lower))
    graph.add("Min", value, graph.constant("upper", network.upper), name=TARGETS)
    return _model(graph, network, metadata)


def to_bytes(model: onnx.ModelProto) -> bytes:
    """Return a file's content; raise `onnx.checker.ValidationError` if it would be none."""
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


@dataclass
class _Graph:
    """Nodes and constants, as they are added."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)

    def constant(self, name: str, value: Any, dtype: type = np.float32) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def is_negative(self, value: str, place: int) -> str:
        """Whether one column of a value is below zero. Shape (batch, 1)."""
        column = self.add("Gather", value, self.constant("clock", [place], np.int64), axis=1)
        return self.add("Less", column, self.constant("zero", np.float32(0)))

    def mirrored(self, name: str, value: str, reflection: Reflection, where: str) -> str:
        """The mirror image of a value in the rows `where`; the value itself in the others."""
        places = self.constant(f"{name}_places", reflection.places, np.int64)
        moved = self.add("Gather", value, places, axis=1)
        image = self.add("Mul", moved, self.constant(f"{name}_signs", reflection.signs))
        return self.add("Where", where, image, value)

    def add(self, operator: str, *inputs: str, name: str | None = None, **attributes: Any) -> str:
        name = name or f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name


def _model(graph: _Graph, network: Network, metadata: Mapping[str, str]) -> onnx.ModelProto:
    def end(name: str, size: int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["batch", size])

    joints = len(network.home)
    made = helper.make_graph(
        graph.nodes,
        "policy",
        [end(INPUT, network.kernels[0].shape[0])],
        [end(TARGETS, joints), end(ACTION, joints)],
        graph.constants,
    )
    opset = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(
        made, producer_name=PRODUCER, opset_imports=opset, ir_version=IR_VERSION
    )
    helper.set_model_props(model, dict(metadata))
    return model
