"""A bundle is taken whole and unharmed, for the robot that it was made for, or not at all."""

import shutil
import stat
import tracemalloc
import zipfile

import numpy as np
import onnx
import pytest
from forging import refused, sign

from wildrobot_cli.errors import ConfigError, EnvironmentUnavailable
from wildrobot_cli.runtime import program
from wildrobot_cli.runtime.bundles.bundle import open_bundle
from wildrobot_cli.runtime.bundles.policy import OnnxPolicy, load
from wildrobot_cli.runtime.golden import replay
from wildrobot_cli.runtime.robots.hardware import Facts, check_fits


def test_folder_and_zip_are_the_same_bundle(bundle_folder):
    folder = open_bundle(bundle_folder)
    zipped = open_bundle(bundle_folder.with_name("tiny.zip"))
    assert folder.files == zipped.files


def test_golden_trace_replays_on_the_quantized_policy_nearly(bundle):
    exact, near = replay(bundle, load(bundle)), replay(bundle, load(bundle, quantized=True))
    assert max(exact.differences.values()) <= 1e-5
    assert 1e-5 < near.differences["action"] < 0.5


@pytest.mark.parametrize(
    "fault",
    [
        lambda targets, action: (targets + np.float32(0.01), action),
        lambda targets, action: (targets, action + np.float32(0.01)),
        lambda targets, action: (np.nan * targets, action),
        lambda targets, action: (targets, np.nan * action),
    ],
    ids=["targets", "action", "no targets", "no action"],
)
def test_a_policy_that_answers_otherwise_fails_the_golden_trace(bundle, fault, monkeypatch, capsys):
    honest = load(bundle)
    monkeypatch.setattr(program, "load", lambda _: lambda seen: fault(*honest(seen)))
    assert not program.check(bundle)
    assert "FAILED" in capsys.readouterr().out


def test_a_trace_with_numbers_that_are_none_does_not_pass(folder):
    with np.load(folder / "golden.npz", allow_pickle=False) as file:
        trace = dict(file)
    trace["observation"][3, 0] = np.nan
    np.savez(folder / "golden.npz", **trace)
    sign(folder)
    bundle = open_bundle(folder)
    assert not replay(bundle, load(bundle)).passed


def test_the_exported_policy_passes_its_golden_trace(bundle, capsys):
    assert program.check(bundle)
    out = capsys.readouterr().out
    assert "golden targets: largest difference" in out
    assert out.endswith("passed\n")


@pytest.mark.parametrize("name", ["policy.onnx", "policy.json", "golden.npz", "config.yaml"])
def test_a_tampered_file_is_named(folder, name):
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(bytes(data))
    assert refused(open_bundle, folder) == f"{folder}: damaged bundle: {name} fails its checksum"


@pytest.mark.parametrize("name", ["policy.onnx", "golden.npz", "README.md"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    assert refused(open_bundle, folder) == f"{folder}: damaged bundle: {name} is missing"


def test_a_file_that_was_added_is_named(folder):
    (folder / "extra.bin").write_bytes(b"x")
    message = f"{folder}: damaged bundle: extra.bin does not belong to it"
    assert refused(open_bundle, folder) == message


def test_what_is_no_bundle_is_refused(tmp_path, folder):
    assert "no such bundle" in refused(open_bundle, tmp_path / "nothing")
    assert "does not read: File name too long" in refused(open_bundle, tmp_path / ("x" * 300))
    assert "not a bundle; expected SHA256SUMS" in refused(open_bundle, tmp_path)
    (tmp_path / "text.zip").write_text("no zip")
    assert "not a readable zip" in refused(open_bundle, tmp_path / "text.zip")


@pytest.mark.parametrize(
    "name", ["../evil", "/etc/evil", "walker/../../evil", "a\\..\\evil", "C:evil", "a/b/c"]
)
def test_a_zip_that_leads_outside_its_folder_is_refused(bundle_folder, tmp_path, name):
    evil = shutil.copy(bundle_folder.with_name("tiny.zip"), tmp_path / "evil.zip")
    with zipfile.ZipFile(evil, "a") as archive:
        archive.writestr(name, b"x")
    assert "leads outside the bundle's folder" in refused(open_bundle, evil)
    assert [path.name for path in tmp_path.iterdir()] == ["evil.zip"]


def test_a_link_in_a_zip_is_refused(bundle_folder, tmp_path):
    evil = shutil.copy(bundle_folder.with_name("tiny.zip"), tmp_path / "evil.zip")
    entry = zipfile.ZipInfo("tiny/link")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(evil, "a") as archive:
        archive.writestr(entry, "/etc/passwd")
    assert "a link; expected plain files" in refused(open_bundle, evil)


@pytest.mark.parametrize("names", [("a/x", "b/y"), ("a/x", "y"), ("a/x", "b/"), ("a/x", "b/x")])
def test_a_zip_of_two_folders_is_refused(tmp_path, names):
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        for name in names:
            archive.writestr(name, "")
    message = refused(open_bundle, tmp_path / "two.zip")
    assert message.endswith("two.zip: files in more than one folder")


def test_a_zip_without_a_folder_of_its_own_is_a_bundle(folder, tmp_path):
    with zipfile.ZipFile(tmp_path / "flat.zip", "w") as archive:
        for path in folder.iterdir():
            archive.write(path, path.name)
    assert open_bundle(tmp_path / "flat.zip").files == open_bundle(folder).files


def test_a_zip_that_unpacks_without_end_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb/policy.onnx", bytes(65 * 2**20))
    assert "unpacks to more than" in refused(open_bundle, tmp_path / "bomb.zip")


def test_an_entry_that_lies_about_its_size_is_unpacked_no_further(tmp_path):
    bomb, size = tmp_path / "bomb.zip", 200 * 2**20
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb/policy.onnx", bytes(size))
    told = bomb.read_bytes().replace(size.to_bytes(4, "little"), (10).to_bytes(4, "little"))
    bomb.write_bytes(told)
    tracemalloc.start()
    try:
        refused(open_bundle, bomb)
        assert tracemalloc.get_traced_memory()[1] < 20 * 2**20
    finally:
        tracemalloc.stop()


def test_a_bundle_outlives_changes_of_what_is_not_the_environment(folder, prepared):
    from wildrobot_cli.simulated.configuration import simulation_config

    text = (folder / "config.yaml").read_text()
    ours = text[text.index("env:") : text.index("ppo:")]
    (folder / "config.yaml").write_text(ours + "of_another_version: 1\n")
    sign(folder)
    assert simulation_config(open_bundle(folder)) == prepared.job.config.env


# --- the robot


def facts_of(description, **changes) -> Facts:
    joints = description.joints
    facts = Facts(joints.names, joints.lower, joints.upper, description.control_period)
    return facts._replace(**changes)


def test_a_policy_fits_the_robot_that_it_was_made_for(bundle):
    check_fits(bundle.description, facts_of(bundle.description))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (lambda f: {"joints": ("waist_jaw", *f.joints[1:])}, "no joint 'waist_yaw' of the policy"),
        (lambda f: {"joints": (*f.joints[1::-1], *f.joints[2:])}, "is number 0 for the policy, 1"),
        (lambda f: {"joints": (*f.joints, "tail")}, "joints that the policy lacks: tail"),
        (lambda f: {"upper": f.upper + 0.1}, "joint 'waist_yaw': limits -0.52 .. 0.52 rad"),
        (lambda f: {"control_period": 0.01}, "control period: 0.02 s in the policy, 0.01 s"),
    ],
)
def test_a_policy_for_another_robot_is_refused_by_name(bundle, changes, message):
    facts = facts_of(bundle.description)
    with pytest.raises(ConfigError, match=message.replace(".", r"\.")):
        check_fits(bundle.description, facts._replace(**changes(facts)))


# --- the model


def test_a_model_of_wrong_shape_is_refused(bundle):
    size, joints = bundle.description.observation_size, len(bundle.description.joints.names)
    model = bundle.files["policy.onnx"]
    with pytest.raises(ConfigError, match=r"observation: expected shape \[batch, 44\]"):
        OnnxPolicy(model, "policy.onnx", size - 1, joints)
    with pytest.raises(ConfigError, match=r"joint_targets: expected shape \[batch, 12\]"):
        OnnxPolicy(model, "policy.onnx", size, joints + 1)


def test_a_model_with_other_outputs_is_refused(bundle):
    model = onnx.load_from_string(bundle.files["policy.onnx"])
    del model.graph.output[1]
    size, joints = bundle.description.observation_size, len(bundle.description.joints.names)
    with pytest.raises(ConfigError, match="action: expected shape"):
        OnnxPolicy(model.SerializeToString(), "policy.onnx", size, joints)


def test_a_model_of_a_fixed_batch_is_refused(bundle):
    model = onnx.load_from_string(bundle.files["policy.onnx"])
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 3
    size, joints = bundle.description.observation_size, len(bundle.description.joints.names)
    with pytest.raises(
        ConfigError, match=r"observation: expected shape \[batch, 45\], got \[3, 45"
    ):
        OnnxPolicy(model.SerializeToString(), "policy.onnx", size, joints)


def test_a_model_that_loads_and_does_not_run_is_refused():
    def end(name, size):
        return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["batch", size])

    beyond = onnx.numpy_helper.from_array(np.array([99, 99]), "beyond")
    nodes = [
        onnx.helper.make_node("Gather", ["observation", "beyond"], [name], axis=1)
        for name in ("joint_targets", "action")
    ]
    ends = [end("observation", 5)], [end("joint_targets", 2), end("action", 2)]
    graph = onnx.helper.make_graph(nodes, "policy", *ends, [beyond])
    opset = [onnx.helper.make_opsetid("", 17)]
    model = onnx.helper.make_model(graph, opset_imports=opset, ir_version=8)
    with pytest.raises(ConfigError, match=r"policy\.onnx: onnxruntime cannot run it"):
        OnnxPolicy(model.SerializeToString(), "policy.onnx", 5, 2)


def test_what_is_no_model_is_refused():
    with pytest.raises(ConfigError, match=r"policy\.onnx: not an ONNX model: cut off"):
        OnnxPolicy(b"rubbish", "policy.onnx", 45, 11)
    with pytest.raises(ConfigError, match=r"policy\.onnx: onnxruntime cannot load it"):
        OnnxPolicy(b"", "policy.onnx", 45, 11)


def test_without_onnxruntime_it_says_what_to_install(bundle, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(EnvironmentUnavailable, match=r"pip install 'wildrobot\[export\]'"):
        load(bundle)
