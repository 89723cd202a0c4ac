"""A bundle is published when it does what was trained, and each way to be wrong is caught."""

import json
import re
from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from wildrobot_cli.export import proof
from wildrobot_cli.export.document import as_metadata
from wildrobot_cli.export.proof import Gate, Kind
from wildrobot_cli.runtime.bundles.parsing import parse
from wildrobot_cli.runtime.bundles.policy import OnnxPolicy
from wildrobot_cli.simulated.closed_loop import Runtime


def held(result) -> dict[str, bool]:
    return {gate.name: gate.passed for gate in result.gates}


def failed(result) -> str:
    return " ".join(gate.name for gate in result.gates if not gate.passed)


def with_constant(files, name, change):
    """The files with one constant of the float model changed."""
    model = onnx.load_from_string(files["policy.onnx"])
    for tensor in model.graph.initializer:
        if tensor.name == name:
            value = change(numpy_helper.to_array(tensor).copy())
            tensor.CopyFrom(numpy_helper.from_array(value.astype(np.float32), name))
    return files | {"policy.onnx": model.SerializeToString()}


def with_description(files, change):
    """The files with `policy.json`, and the model's copy of it, changed in place."""
    document = json.loads(files["policy.json"])
    change(document)
    changed = {"policy.json": json.dumps(document).encode()}
    for name in ("policy.onnx", "policy_int8.onnx"):
        model = onnx.load_from_string(files[name])
        onnx.helper.set_model_props(model, as_metadata(document))
        changed[name] = model.SerializeToString()
    return files | changed


@pytest.fixture(scope="module")
def honest(prepared, tmp_path_factory):
    from wildrobot_cli.export.files import write_bundle, zip_of
    from wildrobot_cli.runtime.bundles.bundle import open_bundle

    folder = tmp_path_factory.mktemp("honest") / "bundle"
    write_bundle(folder, prepared.files)
    return prepared.job.prove(open_bundle(zip_of(folder)), prepared.trace, folder.parent, folder)


def test_an_honest_bundle_holds_every_gate(honest):
    assert honest.passed, failed(honest)


def test_every_promised_comparison_is_made(honest):
    names = " ".join(held(honest))
    for part in ("onnxruntime against JAX", "golden action", "teacher-forced", "free-running"):
        assert part in names
    for part in ("falls", "distance", "int8 action", "int8 difference in falls"):
        assert part in names


def test_observations_come_from_rollouts_and_from_the_corners_of_their_range(prepared):
    seen = prepared.trace["observation"]
    drawn = proof.sample(seen, 2000, seed=0)
    assert drawn.shape == (2000, seen.shape[-1])
    assert drawn.dtype == np.float32
    rows = {row.tobytes() for row in seen.reshape(-1, seen.shape[-1])}
    assert all(row.tobytes() in rows for row in drawn[:1000])
    low, high = seen.min(axis=(0, 1)), seen.max(axis=(0, 1))
    assert ((drawn[1000:] == low) | (drawn[1000:] == high)).all()
    np.testing.assert_array_equal(drawn, proof.sample(seen, 2000, seed=0))


@pytest.mark.parametrize(
    ("constant", "change", "gate"),
    [
        ("mean", lambda v: v + 1e-3, "onnxruntime against JAX"),
        ("std", lambda v: v * 1.001, "onnxruntime against JAX"),
        ("kernel_0", lambda v: v.astype(np.float16), "onnxruntime against JAX"),
        ("home", lambda v: v[::-1], "joint_targets"),
        ("action_scale", lambda v: v * 1.001, "joint_targets"),
    ],
)
def test_a_wrong_number_in_the_model_is_caught(prepared, constant, change, gate):
    changed = with_constant(prepared.files, constant, change)["policy.onnx"]
    size = prepared.trace["observation"].shape[-1]
    policy = OnnxPolicy(changed, "policy.onnx", size, prepared.trace["action"].shape[-1])
    missed = [g.name for g in prepared.job.parity(policy, prepared.trace) if not g.passed]
    assert any(gate in name for name in missed)


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["clock"].update(frequencies=[1.601]),
        lambda d: d.update(heading_joint=None),
        lambda d: d["observation"][6].update(scale=0.11),
        lambda d: d["joints"]["home_position"].__setitem__(1, -0.2),
        lambda d: d["safety"].update(torque_reach=0.05),
    ],
    ids=["clock", "heading", "scale", "home", "clamped"],
)
def test_a_wrong_number_in_the_description_is_caught(prepared, prove, change):
    assert not prove(with_description(prepared.files, change)).passed


def test_a_figure_that_is_not_a_number_does_not_pass():
    assert not Gate("x", float("nan"), 1.0).passed
    assert proof.gaps(np.array([np.nan]), np.array([1.0])) == [np.inf]
    assert Gate("x", 1.0, 1.0).passed


def test_a_rounding_that_turns_an_encoder_ends_the_comparison_of_its_rollout_alone():
    trace = {"encoders": np.zeros((10, 20, 2)), "qpos": np.zeros((11, 20, 2)), "action": [0] * 10}
    free = {name: np.array(value) for name, value in trace.items()}
    free["encoders"][4:, 3], free["qpos"][5:, 3] = 0.00419, 0.01
    close, share = proof.free_gates(trace, free, ["x", "y"])
    assert close.passed
    assert share.found == pytest.approx(0.05)
    free["qpos"][9, 7] = 0.01
    assert not proof.free_gates(trace, free, ["x", "y"])[0].passed


def follow(runtime, trace, forced):
    return runtime.follow({name: rows[:, 0] for name, rows in trace.items()}, forced)


def test_contact_does_not_magnify_the_last_bits_of_a_target(prepared, bundle):
    """A policy that is off by float32's rounding is the same policy, wherever a sole pivots."""
    runtime = Runtime(bundle, quantized=False)
    exact, honest = follow(runtime, prepared.trace, forced=True), runtime.policy
    rng = np.random.default_rng(0)

    def rounded(observation):
        targets, action = honest(observation)
        return targets + rng.uniform(-3e-7, 3e-7, targets.shape).astype(np.float32), action

    runtime.policy = rounded
    off = follow(runtime, prepared.trace, forced=True)
    assert 0 < np.abs(off["targets"] - exact["targets"]).max() < 1e-6
    np.testing.assert_array_equal(off["observation"], exact["observation"])
    np.testing.assert_array_equal(off["qpos"], exact["qpos"])
    own, same = (follow(runtime, prepared.trace, forced=False) for _ in range(2))
    assert np.abs(own["qpos"] - same["qpos"]).max() > 0  # free, the last bits are its own


@pytest.fixture
def loops(prepared):
    """What a runtime does that is the environment to the bit: forced rows, and free ones."""
    trace = prepared.trace
    return {name: trace[name].copy() for name in ("observation", "action", "targets", "qpos")}


@pytest.mark.parametrize(
    ("row", "place", "where"),
    [
        ("observation", (7, 3, 4), "teacher-forced observation: up_vector[1], rollout 3, step 7"),
        ("action", (0, 31, 2), "teacher-forced action: left_hip_roll, rollout 31, step 0"),
        ("targets", (5, 2, 10), "teacher-forced targets: right_foot_roll, rollout 2, step 5"),
        ("qpos", (8, 6, 2), "teacher-forced position: qpos[2], rollout 6, step 7"),
        ("qpos", (8, 6, 7), "teacher-forced position: waist_yaw, rollout 6, step 7"),
    ],
)
@pytest.mark.parametrize("wrong", [1e-3, np.nan])
def test_a_wrong_step_is_named_by_term_rollout_and_step(prepared, loops, row, place, where, wrong):
    alive = np.ones(loops["action"].shape[:2], bool)
    description = parse(json.loads(prepared.files["policy.json"]))
    columns = prepared.job._columns(description)
    same = proof.forced_gates(prepared.trace, loops, alive, columns)
    assert [gate.found for gate in same] == [0, 0, 0, 0]
    loops[row][place] += wrong
    gates = proof.forced_gates(prepared.trace, loops, alive, columns)
    (failed_gate,) = (gate for gate in gates if not gate.passed)
    assert f"{failed_gate.name}: {failed_gate.where}" == where
    assert proof.verdict(gates).startswith("the bundle differs")


def test_free_runs_that_go_apart_while_each_step_is_the_same_are_the_policys_unsteadiness(honest):
    def failing(kind):
        return [replace(g, limit=-1.0) if g.kind == kind else g for g in honest.gates]

    assert honest.verdict == ""
    said = proof.verdict(failing(Kind.FREE))
    assert "the policy is unsteady" in said
    assert re.search(r"\d+ of 32 rollouts fell in the training environment, \d+ on the", said)
    assert proof.verdict(failing(Kind.STEP)).startswith("the bundle differs")
    assert "export without --quantize" in proof.verdict(failing(Kind.INT8))
