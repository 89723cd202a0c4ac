"""A bundle is taken whole and unharmed, for the robot that it was made for, or not at all."""

import json
import shutil
import stat
import zipfile

import numpy as np
import onnx
import pytest

from wildrobot_cli.errors import ConfigError, EnvironmentUnavailable
from wildrobot_cli.runtime import __main__ as runtime
from wildrobot_cli.runtime.bundle import checksums, open_bundle
from wildrobot_cli.runtime.golden import replay
from wildrobot_cli.runtime.hardware import Facts, check_fits
from wildrobot_cli.runtime.parsing import parse
from wildrobot_cli.runtime.policy import OnnxPolicy, load


@pytest.fixture
def folder(bundle_folder, tmp_path):
    """A copy of the tiny bundle, free to damage."""
    return shutil.copytree(bundle_folder, tmp_path / "walker")


def refused(path) -> str:
    with pytest.raises(ConfigError) as caught:
        open_bundle(path)
    return str(caught.value)


def rewrite(folder, change) -> None:
    """Change `policy.json` and make the checksums fit again."""
    document = json.loads((folder / "policy.json").read_text())
    change(document)
    (folder / "policy.json").write_text(json.dumps(document))
    sign(folder)


def sign(folder) -> None:
    names = [p for p in folder.iterdir() if p.name != "SHA256SUMS"]
    (folder / "SHA256SUMS").write_text(checksums({p.name: p.read_bytes() for p in names}))


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
    monkeypatch.setattr(runtime, "load", lambda _: lambda seen: fault(*honest(seen)))
    assert not runtime.check(bundle)
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
    assert runtime.check(bundle)
    out = capsys.readouterr().out
    assert "golden targets: largest difference" in out
    assert out.endswith("passed\n")


@pytest.mark.parametrize("name", ["policy.onnx", "policy.json", "golden.npz", "config.yaml"])
def test_a_tampered_file_is_named(folder, name):
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(bytes(data))
    assert refused(folder) == f"{folder}: damaged bundle: {name} fails its checksum"


@pytest.mark.parametrize("name", ["policy.onnx", "golden.npz", "README.md"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    assert refused(folder) == f"{folder}: damaged bundle: {name} is missing"


def test_a_file_that_was_added_is_named(folder):
    (folder / "extra.bin").write_bytes(b"x")
    assert refused(folder) == f"{folder}: damaged bundle: extra.bin does not belong to it"


def test_what_is_no_bundle_is_refused(tmp_path, folder):
    assert "no such bundle" in refused(tmp_path / "nothing")
    assert "not a bundle; expected SHA256SUMS" in refused(tmp_path)
    (tmp_path / "text.zip").write_text("no zip")
    assert "not a readable zip" in refused(tmp_path / "text.zip")


@pytest.mark.parametrize(
    "name", ["../evil", "/etc/evil", "walker/../../evil", "a\\..\\evil", "C:evil", "a/b/c"]
)
def test_a_zip_that_leads_outside_its_folder_is_refused(bundle_folder, tmp_path, name):
    evil = shutil.copy(bundle_folder.with_name("tiny.zip"), tmp_path / "evil.zip")
    with zipfile.ZipFile(evil, "a") as archive:
        archive.writestr(name, b"x")
    assert "leads outside the bundle's folder" in refused(evil)
    assert [path.name for path in tmp_path.iterdir()] == ["evil.zip"]


def test_a_link_in_a_zip_is_refused(bundle_folder, tmp_path):
    evil = shutil.copy(bundle_folder.with_name("tiny.zip"), tmp_path / "evil.zip")
    entry = zipfile.ZipInfo("tiny/link")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(evil, "a") as archive:
        archive.writestr(entry, "/etc/passwd")
    assert "a link; expected plain files" in refused(evil)


def test_a_zip_that_unpacks_without_end_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb/policy.onnx", bytes(65 * 2**20))
    assert "unpacks to more than" in refused(tmp_path / "bomb.zip")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(schema_version=1), "schema_version: expected 2, got 1; export the run"),
        (lambda d: d.pop("control_period"), "control_period: missing"),
        (
            lambda d: d.update(control_period=0),
            "control_period: expected a number in 0.001 .. 0.1, got '0'",
        ),
        (lambda d: d.update(heading_joint="waist_jaw"), "did you mean 'waist_yaw'?"),
        (lambda d: d["joints"]["names"].pop(), "joints.home_position: expected a list of 10"),
        (lambda d: d["joints"]["lower"].__setitem__(3, 1.5), "for joint 'left_knee_pitch'"),
        (lambda d: d["observation"][0].update(name="giro"), "no term 'giro'; did you mean 'gyro'?"),
        (
            lambda d: d["observation"][1].update(slice=[3, 7]),
            "[1].slice: expected [3, 6]",
        ),
        (lambda d: d["clock"].update(speeds=[]), "clock.frequencies: expected a list of 0"),
        (lambda d: d["clock"].update(frequencies=[0]), "clock.frequencies[0]: expected a number"),
        (lambda d: d["joints"]["upper"].__setitem__(3, 0), "lower: expected less than upper, 0.0"),
        (lambda d: d["safety"].update(target_rate=1.0), "target_rate: expected 7.5 or more"),
        (lambda d: d["training"].pop("env_steps"), "training.env_steps: missing"),
        (lambda d: d["joints"]["names"].__setitem__(0, "a\x1b[2J"), "names: expected a list of"),
        (lambda d: d["safety"].pop("tilt_limit"), "safety.tilt_limit: missing"),
        (lambda d: d["commands"].update(lowest=[9, 0, 0]), "nothing above highest"),
        (lambda d: d["model"].update(file="../x.onnx"), "model.file: expected a plain file name"),
        (
            lambda d: d["model"].update(file="x.onnx"),
            "x.onnx: missing, though policy.json",
        ),
    ],
)
def test_a_description_that_does_not_fit_is_refused_by_key(folder, change, message):
    rewrite(folder, change)
    assert message in refused(folder)


WILD = [-1e9, 1e9, 10**400, float("nan"), float("inf"), True, "1", None]


def leaf(document, path):
    """The mapping or list that holds a number, and its key there."""
    *way, last = path
    for key in way:
        document = document[key]
    return document, last


def numbers(document, path=()):
    """Paths of all numbers that a robot obeys; of a list, the first."""
    for key, value in document.items() if isinstance(document, dict) else [(0, document[0])]:
        if key in ("evaluation", "versions", "slice", "outputs"):
            continue
        if isinstance(value, dict) or (isinstance(value, list) and not isinstance(value[0], str)):
            yield from numbers(value, (*path, key))
        elif isinstance(value, int | float):
            yield (*path, key)


def test_no_number_is_taken_from_beyond_all_bounds(bundle):
    text = bundle.files["policy.json"]
    paths = list(numbers(json.loads(text)))
    assert len(paths) > 30
    for path in paths:
        for wild in WILD:
            document = json.loads(text)
            holder, key = leaf(document, path)
            holder[key] = wild
            with pytest.raises(ConfigError, match=str(path[-1] if path[-1] else path[-2])):
                parse(document)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("joints", "kp", 3), 0.0),
        (("joints", "kp", 3), -21.1),
        (("joints", "torque_limit", 0), 1e9),
        (("action_scale",), 100),
        (("control_period",), 1e-9),
        (("safety", "tilt_limit"), 100),
        (("safety", "missed_readings"), 10**9),
        (("safety", "missed_readings"), 0),
        (("safety", "startup_time"), 1e-9),
        (("commands", "ramp", 1), -1),
        (("joints", "damping", 2), -0.1),
    ],
)
def test_a_number_that_no_robot_has_is_refused_by_key(folder, path, value):
    def change(document):
        holder, key = leaf(document, path)
        holder[key] = value

    rewrite(folder, change)
    key = ".".join(map(str, path)).replace(".0", "[0]").replace(".3", "[3]")
    said = refused(folder)
    assert said.startswith(f"{folder}: policy.json: {'.'.join(map(str, path[:2]))}"), key
    assert " number in " in said


def test_a_description_that_is_not_the_models_own_is_refused_by_key(folder):
    rewrite(folder, lambda d: d["joints"]["kp"].__setitem__(3, 21.2))
    with pytest.raises(ConfigError, match=r"metadata and policy\.json differ in joints\.kp"):
        load(open_bundle(folder))
    with pytest.raises(ConfigError, match=r"policy_int8\.onnx: its metadata and policy\.json"):
        load(open_bundle(folder), quantized=True)


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
    with pytest.raises(ConfigError, match=r"policy\.onnx: onnxruntime cannot load it"):
        OnnxPolicy(b"rubbish", "policy.onnx", 45, 11)


def test_without_onnxruntime_it_says_what_to_install(bundle, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(EnvironmentUnavailable, match=r"pip install 'wildrobot\[export\]'"):
        load(bundle)


def test_numbers_survive_the_description_exactly(bundle, robot):
    description = parse(json.loads(bundle.files["policy.json"]))
    np.testing.assert_array_equal(description.joints.lower, robot.lower)
    np.testing.assert_array_equal(description.joints.home_target, robot.home_ctrl)
    assert description.encoder_resolution == robot.servo.encoder_resolution
