"""What an export leaves on disk."""

import hashlib
import json
import zipfile

import numpy as np
import onnx
import pytest

from wildrobot_cli.export import export as exports
from wildrobot_cli.export import job as jobs
from wildrobot_cli.export.export import export_bundle
from wildrobot_cli.runtime.bundles.bundle import open_bundle
from wildrobot_cli.runtime.bundles.policy import load
from wildrobot_cli.runtime.golden import replay


@pytest.fixture(scope="module")
def exported(trained, tmp_path_factory):
    stages = []
    out = tmp_path_factory.mktemp("exported") / "walker"
    return export_bundle(trained[0].run, out, on_progress=stages.append), stages


def test_bundle_holds_what_is_promised(exported):
    result, stages = exported
    assert result.passed
    assert stages[0] == "loading the policy"
    names = {path.name for path in result.bundle.iterdir()}
    files = {"policy.onnx", "policy.json", "golden.npz", "README.md", "config.yaml", "SHA256SUMS"}
    assert names == files
    with zipfile.ZipFile(result.bundle.with_name("walker.zip")) as archive:
        assert set(archive.namelist()) == {f"walker/{name}" for name in names}
        for name in names:
            assert archive.read(f"walker/{name}") == (result.bundle / name).read_bytes()
    assert [p.name for p in sorted(result.bundle.parent.iterdir())] == ["walker", "walker.zip"]


def test_checksums_are_those_of_the_files(exported):
    folder = exported[0].bundle
    for line in (folder / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest


def test_description_is_the_robots_and_the_runs_own_to_the_last_bit(exported, prepared):
    document = json.loads((exported[0].bundle / "policy.json").read_text())
    robot, config = prepared.job.env.robot, prepared.job.config
    joints = document["joints"]
    assert joints["names"] == list(robot.joint_names)
    for name in ("lower", "upper", "kp", "torque_limit", "damping"):
        np.testing.assert_array_equal(joints[name], getattr(robot, name))
    np.testing.assert_array_equal(joints["home_target"], robot.home_ctrl)
    assert document["control_period"] == config.env.control_period
    assert document["action_scale"] == config.env.action_scale
    terms = document["observation"]
    assert [term["name"] for term in terms] == list(config.env.observations)
    assert terms[-1]["slice"][1] == prepared.trace["observation"].shape[-1]
    assert all(term["unit"] and term["frame"] for term in terms)
    assert document["training"]["env_steps"] == prepared.job.policy.env_steps
    assert document["training"]["versions"]["mujoco"]
    assert len(document["training"]["config_sha256"]) == 64


def test_model_carries_the_description_and_states_its_operators(exported):
    folder = exported[0].bundle
    document = json.loads((folder / "policy.json").read_text())
    model = onnx.load(folder / "policy.onnx")
    onnx.checker.check_model(model, full_check=True)
    metadata = {entry.key: json.loads(entry.value) for entry in model.metadata_props}
    assert metadata == document
    assert model.opset_import[0].version == document["model"]["opset"]


def test_golden_trace_replays(exported):
    bundle = open_bundle(exported[0].bundle)
    assert max(replay(bundle, load(bundle)).differences.values()) <= 1e-5


def test_same_run_gives_the_same_bytes(prepared):
    again = prepared.job.files(prepared.trace)
    assert again == prepared.files


def test_the_proofs_seed_is_not_the_trainings(run, monkeypatch):
    class Enough(Exception):
        pass

    def record(env, act, episodes, seed):
        seeds.append(seed)
        raise Enough

    seeds, listing = [], sorted(run.path.iterdir())
    monkeypatch.setattr(exports, "record", record)
    for seed in (7, None):
        with pytest.raises(Enough):
            export_bundle(run, None, seed=seed)
    assert seeds == [7, run.config.seed]
    assert jobs.Job.of(run, None, quantize=False, seed=7).config == run.config
    assert sorted(run.path.iterdir()) == listing


def test_quantized_model_is_of_8_bits_and_carries_the_same_metadata(prepared):
    model = onnx.load_from_string(prepared.files["policy_int8.onnx"])
    weights = [
        t for t in model.graph.initializer if t.name.startswith("kernel") and len(t.dims) == 2
    ]
    assert weights
    assert all(tensor.data_type == onnx.TensorProto.INT8 for tensor in weights)
    original = onnx.load_from_string(prepared.files["policy.onnx"])
    assert list(model.metadata_props) == list(original.metadata_props)


def test_a_failed_proof_leaves_the_old_bundle_and_nothing_else(run, monkeypatch):
    export_bundle(run, None)
    before = {p.name: p.read_bytes() for p in (run.path / "bundle").iterdir()}
    honest = jobs.describe

    def wrong(*args):
        document = honest(*args)
        return document | {"clock": {"speeds": [0.0], "frequencies": [1.61]}}

    monkeypatch.setattr(jobs, "describe", wrong)
    listing = sorted(p.name for p in run.path.iterdir())
    assert not export_bundle(run, None).passed
    assert {p.name: p.read_bytes() for p in (run.path / "bundle").iterdir()} == before
    assert sorted(p.name for p in run.path.iterdir()) == listing
