"""Weights outside of a model are found wherever a model can have weights."""

import numpy as np
import onnx
import pytest
from onnx import AttributeProto, TensorProto, helper, numpy_helper

from wildrobot_cli.errors import ConfigError
from wildrobot_cli.runtime.bundles.external_data import has_external_data
from wildrobot_cli.runtime.bundles.policy import OnnxPolicy

JOINTS = 2


def weights(name: str, external: bool) -> TensorProto:
    tensor = numpy_helper.from_array(np.ones(JOINTS, np.float32), name)
    if external:
        onnx.external_data_helper.set_external_data(tensor, "w.bin")
        tensor.ClearField("raw_data")
    return tensor


def end(name, size=JOINTS):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", size])


def model_of(nodes, initializers=(), functions=()):
    """A policy whose `action` is its observation, and its targets what `nodes` make of it."""
    nodes = [helper.make_node("Identity", ["observation"], ["action"]), *nodes]
    ends = [end("observation")], [end("joint_targets"), end("action")]
    graph = helper.make_graph(nodes, "policy", *ends, initializers)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ours", 1)]
    return helper.make_model(graph, opset_imports=opsets, functions=functions, ir_version=8)


def add(weight: str, out: str):
    return helper.make_node("Add", ["observation", weight], [out])


def initializer(external):
    return model_of([add("w", "joint_targets")], [weights("w", external)])


def constant(external):
    node = helper.make_node("Constant", [], ["w"], value=weights("", external))
    return model_of([node, add("w", "joint_targets")])


def branch(external):
    def body(outside):
        node = helper.make_node("Add", ["observation", "v"], ["then"])
        return helper.make_graph([node], "branch", [], [end("then")], [weights("v", outside)])

    yes = helper.make_node("Constant", [], ["yes"], value=numpy_helper.from_array(np.array(True)))
    ways = {"then_branch": body(False), "else_branch": body(external)}
    return model_of([yes, helper.make_node("If", ["yes"], ["joint_targets"], **ways)])


def loop(external):
    def is_true(name):
        return helper.make_tensor_value_info(name, TensorProto.BOOL, [])

    count = helper.make_tensor_value_info("count", TensorProto.INT64, [])
    nodes = [
        helper.make_node("Identity", ["go"], ["on"]),
        helper.make_node("Add", ["before", "v"], ["after"]),
    ]
    ends = [count, is_true("go"), end("before")], [is_true("on"), end("after")]
    body = helper.make_graph(nodes, "body", *ends, [weights("v", external)])
    once = helper.make_node("Constant", [], ["once"], value=numpy_helper.from_array(np.array(1)))
    turn = helper.make_node("Loop", ["once", "", "observation"], ["joint_targets"], body=body)
    return model_of([once, turn])


def function(external):
    nodes = [
        helper.make_node("Constant", [], ["w"], value=weights("", external)),
        helper.make_node("Add", ["x", "w"], ["y"]),
    ]
    opset = [helper.make_opsetid("", 17)]
    made = helper.make_function("ours", "Shift", ["x"], ["y"], nodes, opset)
    call = helper.make_node("Shift", ["observation"], ["joint_targets"], domain="ours")
    return model_of([call], functions=[made])


def sparse(external):
    places = numpy_helper.from_array(np.arange(JOINTS), "places")
    value = helper.make_sparse_tensor(weights("w", external), places, [JOINTS])
    node = helper.make_node("Constant", [], ["w"], sparse_value=value)
    return model_of([node, add("w", "joint_targets")])


RUNS = [initializer, constant, branch, loop, function, sparse]


@pytest.mark.parametrize("kind", RUNS)
def test_a_model_that_holds_its_weights_runs_and_one_that_does_not_is_refused(
    kind, tmp_path, monkeypatch
):
    """Though the weights are there, in the current folder, where onnxruntime finds them."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "w.bin").write_bytes(np.ones(JOINTS, np.float32).tobytes())
    targets, _ = OnnxPolicy(kind(False).SerializeToString(), "x", JOINTS, JOINTS)(
        np.zeros(JOINTS, np.float32)
    )
    np.testing.assert_array_equal(targets, np.ones(JOINTS))
    with pytest.raises(ConfigError, match=r"x: has weights outside of it \(external data\)"):
        OnnxPolicy(kind(True).SerializeToString(), "x", JOINTS, JOINTS)


def attribute(**content):
    return model_of([onnx.NodeProto(attribute=[AttributeProto(name="a", **content)])])


def training(external):
    model, inside = model_of([]), initializer(external).graph
    model.training_info.add(algorithm=inside)
    return model


def initialization(external):
    model, inside = model_of([]), initializer(external).graph
    model.training_info.add(initialization=inside)
    return model


def sparse_initializer(external):
    model = model_of([])
    model.graph.sparse_initializer.add(values=weights("w", external))
    return model


def sparse_places(external):
    model = model_of([])
    model.graph.sparse_initializer.add(indices=weights("w", external))
    return model


def default_of_a_function(external):
    model = model_of([])
    model.functions.add(attribute_proto=[AttributeProto(name="a", t=weights("w", external))])
    return model


OTHERS = [
    lambda external: attribute(tensors=[weights("w", external)]),
    lambda external: attribute(graphs=[initializer(external).graph]),
    lambda external: attribute(sparse_tensors=[{"values": weights("w", external)}]),
    training,
    initialization,
    sparse_initializer,
    sparse_places,
    default_of_a_function,
]


@pytest.mark.parametrize("kind", OTHERS)
def test_it_is_found_in_every_other_place_too(kind):
    assert not has_external_data(kind(False).SerializeToString())
    assert has_external_data(kind(True).SerializeToString())


def test_every_way_from_a_model_to_a_tensor_is_looked_into():
    """As the installed onnx.proto has them."""
    from wildrobot_cli.runtime.bundles.external_data import _PARTS

    names = {"ModelProto": "model", "TrainingInfoProto": "training", "GraphProto": "graph"}
    names |= {"FunctionProto": "function", "NodeProto": "node", "AttributeProto": "attribute"}
    names |= {"SparseTensorProto": "sparse", "TensorProto": "tensor"}
    todo, seen = [onnx.ModelProto.DESCRIPTOR], {}
    while todo:
        message = todo.pop()
        parts = {f.number: f.message_type for f in message.fields if f.message_type is not None}
        seen[message.name] = {number: part.name for number, part in parts.items()}
        todo += [part for part in parts.values() if part.name not in seen]
    ours = {
        names[name]: {number: names[part] for number, part in parts.items() if part in names}
        for name, parts in seen.items()
        if name in names
    }
    assert ours == _PARTS
    assert not any(set(parts.values()) & {*names} for n, parts in seen.items() if n not in names)


def test_graphs_inside_of_graphs_without_end_are_looked_into():
    inside = weights("w", external=True).SerializeToString()
    message = field(5, inside)
    for _ in range(3000):
        message = field(1, field(5, field(6, message)))
    assert has_external_data(field(7, message))


def field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(value: int) -> bytes:
    low, rest = value & 0x7F, value >> 7
    return bytes([low]) if not rest else bytes([low | 0x80]) + varint(rest)


@pytest.mark.parametrize(
    "location", [b"\x70\x01", b"\x70\x81\x80\x00", b"\xf0\x80\x00\x01", b"\x70\x00\x70\x01"]
)
def test_a_location_written_in_another_way_is_the_same(location):
    assert TensorProto.FromString(location).data_location == TensorProto.EXTERNAL
    assert has_external_data(field(7, field(5, location)))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x0b\x0c", "a field of kind 3"),
        (b"\x00\x00", "a field of number 0"),
        (b"\xba\x80\x80\x80\x10\x00", "a field of number 536870919"),
        (b"\x3a\x05\x00", "cut off"),
        (b"\x3a", "cut off"),
        (b"\x80" * 11, "cut off"),
    ],
)
def test_what_readers_may_take_in_different_ways_is_none(content, message):
    with pytest.raises(ValueError, match=message):
        has_external_data(content)
