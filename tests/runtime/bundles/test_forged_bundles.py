"""A bundle that was made to do harm is one message, never a traceback."""

import io
import json
import os
import re
import shutil
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
from forging import refused, sign

from wildrobot_cli.robot import load_robot
from wildrobot_cli.runtime.bundles.bundle import open_bundle
from wildrobot_cli.runtime.bundles.policy import load
from wildrobot_cli.runtime.golden import check_golden, read_golden
from wildrobot_cli.simulated.configuration import check_same_servos, simulation_config


def forge(folder, name, content) -> None:
    """Write a file, or remove it, and make the checksums fit again."""
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)
    sign(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[" * 100_000 + b"]" * 100_000, "policy.json: not JSON"),
        (b'{"a":' * 900 + b"1" + b"}" * 900, "policy.json: nested deeper than 50 levels"),
        (b'{"a":' * 49 + b"1" + b"}" * 49, "policy.json: schema_version: missing"),
        (b"\xff\xfe", "policy.json: not JSON"),
        (b"", "policy.json: not JSON"),
        (b"[]", "walker: policy.json: expected a mapping, got '[]'"),
        (b"9" * 5000, "policy.json: not JSON"),
        (b'{"schema_version": ' + b"9" * 400 + b"}", "schema_version: expected a whole number"),
    ],
)
def test_json_that_is_huge_deep_or_none(folder, content, message):
    forge(folder, "policy.json", content)
    assert message in refused(open_bundle, folder)


@pytest.mark.parametrize("depth", [60, 400, 900, 940, 970, 985, 995, 3000])
@pytest.mark.parametrize(("opens", "closes"), [('{"a":', "}"), ("[", "]")])
def test_a_description_and_a_model_that_say_the_same_without_end(folder, depth, opens, closes):
    deep = opens * depth + "1" + closes * depth
    text = (folder / "policy.json").read_text().rstrip()
    model = onnx.load(folder / "policy.onnx")
    model.metadata_props.add(key="deep", value=deep)
    forge(folder, "policy.onnx", model.SerializeToString())
    forge(folder, "policy.json", f'{text[:-1]}, "deep": {deep}}}'.encode())
    assert f"{folder}: policy.json: n" in refused(open_bundle, folder)


@pytest.mark.parametrize("depth", [60, 985, 995, 3000])
def test_a_model_that_says_something_without_end(folder, depth):
    model = onnx.load(folder / "policy.onnx")
    (entry,) = (entry for entry in model.metadata_props if entry.key == "training")
    entry.value = '{"engine":' * depth + "1" + "}" * depth
    forge(folder, "policy.onnx", model.SerializeToString())
    assert "policy.onnx: its metadata" in refused(load, open_bundle(folder))


@pytest.mark.parametrize("place", ["w.bin", "../w.bin", "{}/w.bin"])
def test_weights_that_are_changed_after_the_checks(folder, tmp_path, place, monkeypatch):
    """What lies outside of a bundle no checksum holds."""
    here = tmp_path / "here" if place.startswith("..") else tmp_path
    here.mkdir(exist_ok=True)
    monkeypatch.chdir(here)
    model = onnx.load(folder / "policy.onnx")
    kernel = next(t for t in model.graph.initializer if t.name == "kernel_1")
    (tmp_path / "w.bin").write_bytes(kernel.raw_data)
    onnx.external_data_helper.set_external_data(kernel, place.format(tmp_path))
    kernel.ClearField("raw_data")
    forge(folder, "policy.onnx", model.SerializeToString())
    for act in (load, check_golden):
        said = refused(act, open_bundle(folder))
        assert said == f"{folder}: policy.onnx: has weights outside of it (external data)"


@pytest.mark.parametrize("change", ["kp", "joints", "training", "observation"])
def test_json_whose_parts_are_of_another_kind(folder, change):
    for wrong in (10**400, [], {}, "x", None, [[]], {"names": 3}):
        document = json.loads((folder / "policy.json").read_text())
        document["joints" if change == "kp" else change] = (
            document["joints"] | {"kp": [wrong] * 11} if change == "kp" else wrong
        )
        forge(folder, "policy.json", json.dumps(document).encode())
        assert f"policy.json: {'joints' if change == 'kp' else change}" in refused(
            open_bundle, folder
        )


def test_a_subfolder_and_what_is_no_file_do_not_belong_to_it(folder):
    (folder / "robot-logs").mkdir()
    assert "robot-logs does not belong to it" in refused(open_bundle, folder)


def test_a_folder_without_end(folder):
    with (folder / "policy.onnx").open("ab") as file:
        file.truncate(65 * 2**20)
    assert "holds more than" in refused(open_bundle, folder)


def test_a_simulated_robot_without_its_configuration(folder):
    forge(folder, "config.yaml", None)
    assert "config.yaml: missing" in refused(simulation_config, open_bundle(folder))


@pytest.mark.parametrize("text", ["", "3", "[]", "seed: 1", "env: 3", "env: {robot: 3}", "a: b: c"])
def test_a_simulated_robot_with_another_configuration(folder, text):
    forge(folder, "config.yaml", text.encode())
    assert "config.yaml" in refused(simulation_config, open_bundle(folder))


@pytest.mark.parametrize(("key", "value"), [("control_period", "0.01"), ("action_scale", "0.25")])
def test_a_configuration_that_contradicts_the_description(folder, key, value):
    text = (folder / "config.yaml").read_text()
    changed = re.sub(rf"(?m)^( +{key}:).*$", rf"\1 {value}", text)
    assert changed != text
    forge(folder, "config.yaml", changed.encode())
    message = refused(simulation_config, open_bundle(folder))
    assert f"config.yaml: env.{key}: expected " in message
    assert f"as in policy.json, got {value}" in message


@pytest.mark.parametrize("key", ["kp", "torque_limit", "damping"])
def test_servos_that_are_not_those_of_the_description(folder, key):
    document = json.loads((folder / "policy.json").read_text())
    document["joints"][key][2] *= 1.5
    forge(folder, "policy.json", json.dumps(document).encode())
    bundle = open_bundle(folder)
    robot = load_robot(simulation_config(bundle).robot)
    message = refused(check_same_servos, bundle.description, robot, "walker")
    assert f"walker: joint '{robot.joint_names[2]}': {key} " in message
    assert "on the robot 'wildrobot'" in message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "SHA256SUMS is empty"),
        (b"\x80\x81 rubbish", "SHA256SUMS: line 1: expected a checksum and a file's name"),
        (64 * b"0" + b" policy.json\n", "SHA256SUMS: line 1: expected"),
    ],
)
def test_checksums_that_are_none(folder, content, message):
    (folder / "SHA256SUMS").write_bytes(content)
    assert message in refused(open_bundle, folder)


@pytest.mark.parametrize("name", ["SHA256SUMS", "policy.json", "policy.onnx"])
@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_a_folder_or_pipe_in_a_files_place_is_named(folder, name, make):
    (folder / name).unlink()
    make(folder / name)
    assert f"damaged bundle: {name} does not belong to it" in refused(open_bundle, folder)


# --- golden.npz


def npz(**arrays) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def damaged(data: bytes, place: float) -> bytes:
    at = int(place * len(data))
    return data[:at] + bytes(64) + data[at + 64 :]


GOLDEN = {
    "empty": lambda data, trace: b"",
    "rubbish": lambda data, trace: b"rubbish",
    "cut": lambda data, trace: data[: len(data) // 2],
    **{f"spoilt at {p}": lambda data, trace, p=p: damaged(data, p) for p in (0.1, 0.3, 0.5)},
    "a row is missing": lambda data, trace: npz(**{k: v for k, v in trace.items() if k != "phase"}),
    "no steps": lambda data, trace: npz(**{k: v[:0] for k, v in trace.items()}),
    "fewer steps": lambda data, trace: npz(**trace | {"action": trace["action"][1:]}),
    "fewer joints": lambda data, trace: npz(**trace | {"encoders": trace["encoders"][:, 1:]}),
    "scalars": lambda data, trace: npz(**dict.fromkeys(trace, np.float32(1))),
    "texts": lambda data, trace: npz(**trace | {"gyro": trace["gyro"].astype("U9")}),
    "whole numbers": lambda data, trace: npz(**trace | {"gyro": trace["gyro"].astype(int)}),
    "objects": lambda data, trace: npz(**trace | {"gyro": np.array([None, 1])}),
}


@pytest.mark.parametrize("kind", GOLDEN)
def test_a_trace_that_is_damaged_or_none(folder, kind):
    data = (folder / "golden.npz").read_bytes()
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        trace = dict(file)
    forge(folder, "golden.npz", GOLDEN[kind](data, trace))
    assert f"{folder}: golden.npz" in refused(read_golden, open_bundle(folder))


def test_a_trace_that_unpacks_without_end(folder):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("gyro.npy", bytes(65 * 2**20))
    forge(folder, "golden.npz", buffer.getvalue())
    assert "golden.npz: unpacks to" in refused(read_golden, open_bundle(folder))


# --- zip


def rezip(folder, place, **options):
    with zipfile.ZipFile(place, "w", **options) as archive:
        for path in folder.iterdir():
            archive.write(path, f"walker/{path.name}")
    return place


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.98])
def test_a_zip_that_is_spoilt(folder, tmp_path, share):
    place = rezip(folder, tmp_path / "b.zip", compression=zipfile.ZIP_DEFLATED)
    place.write_bytes(damaged(place.read_bytes(), share))
    assert str(place) in refused(open_bundle, place)


def test_a_zip_packed_in_another_way(folder, tmp_path):
    place = rezip(folder, tmp_path / "b.zip", compression=zipfile.ZIP_LZMA)
    assert "packed in a way that bundles are not" in refused(open_bundle, place)


def test_a_zip_with_a_subfolder(folder, tmp_path):
    place = rezip(folder, tmp_path / "b.zip")
    with zipfile.ZipFile(place, "a") as archive:
        archive.mkdir("walker/logs")
    assert "walker/logs/: leads outside the bundle's folder" in refused(open_bundle, place)


# --- what was meant


def test_a_run_is_told_from_its_bundle(folder, tmp_path):
    run = tmp_path / "run"
    (run / "checkpoints").mkdir(parents=True)
    assert refused(open_bundle, run) == (
        f"{run}: not a bundle but a run; write its bundle with: wildrobot export {run}"
    )
    shutil.copytree(folder, run / "bundle")
    assert refused(open_bundle, run) == f"{run}: not a bundle; did you mean '{run / 'bundle'}'?"


def trace_of(folder):
    with np.load(folder / "golden.npz") as file:
        return {name: file[name] for name in file.files}


def changed(folder, name, change) -> bytes:
    """The golden trace with one array changed."""
    content = io.BytesIO()
    trace = trace_of(folder)
    np.savez(content, **{**trace, name: change(trace[name])})
    return content.getvalue()


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("action", lambda rows: rows + np.float32(0.3), "golden action differs by 0.3"),
        ("gyro", lambda rows: rows * np.nan, "golden observation differs by nan"),
        ("encoders", lambda rows: rows[:, :5], "golden.npz: encoders: expected numbers of shape"),
    ],
)
def test_a_policy_that_does_not_do_what_was_recorded(folder, name, change, message):
    check_golden(open_bundle(folder))
    forge(folder, "golden.npz", changed(folder, name, change))
    assert message in refused(check_golden, open_bundle(folder))


def with_constant(folder, name, constant, change) -> bytes:
    """A model with one constant changed."""
    model = onnx.load(folder / name)
    (tensor,) = (t for t in model.graph.initializer if t.name == constant)
    value = change(onnx.numpy_helper.to_array(tensor).copy())
    tensor.CopyFrom(onnx.numpy_helper.from_array(value.astype(np.float32), constant))
    return model.SerializeToString()


@pytest.mark.parametrize(
    ("constant", "change"),
    [
        ("mean", lambda value: value + 1),
        ("std", lambda value: value * np.nan),
        ("home", lambda value: value + np.float32(0.1)),
    ],
)
def test_a_policy_of_8_bits_that_does_not_do_what_was_recorded(folder, constant, change):
    check_golden(open_bundle(folder), quantized=True)
    forge(folder, "policy_int8.onnx", with_constant(folder, "policy_int8.onnx", constant, change))
    check_golden(open_bundle(folder))
    said = refused(check_golden, open_bundle(folder), True)
    assert "not the policy of 8 bits that was exported: root mean square difference" in said
    assert said.endswith("at most 0.05")


def test_a_policy_of_8_bits_that_is_not_there(folder):
    document = json.loads((folder / "policy.json").read_text()) | {"quantized": None}
    model = onnx.load(folder / "policy.onnx")
    for entry in model.metadata_props:
        if entry.key == "quantized":
            entry.value = "null"
    forge(folder, "policy.json", json.dumps(document).encode())
    forge(folder, "policy.onnx", model.SerializeToString())
    assert "no quantized model" in refused(check_golden, open_bundle(folder), True)


def test_a_scale_that_was_changed_with_everything_beside_it(folder):
    document = json.loads((folder / "policy.json").read_text())
    document["action_scale"] *= 1.2
    model = onnx.load(folder / "policy.onnx")
    for entry in model.metadata_props:
        if entry.key == "action_scale":
            entry.value = json.dumps(document["action_scale"])
    forge(folder, "policy.json", json.dumps(document).encode())
    forge(folder, "policy.onnx", model.SerializeToString())
    assert "not the policy that was exported: golden targets" in refused(
        check_golden, open_bundle(folder)
    )
