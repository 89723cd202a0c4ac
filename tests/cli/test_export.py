"""`wildrobot export`, as a user types it."""

import json
import subprocess
import sys

import pytest

pytest.importorskip("onnxruntime")


def test_export_writes_the_promised_keys_and_names_the_next_command(command, run, tmp_path):
    options = ("--set", "env.episode_length=0.3", "--seed", "7", "--json", "results.json")
    done = command("export", "tiny", "--out", "walker", *options)
    assert done.code == 0, done
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["passed"] is True
    assert results["bundle"] == "walker"
    assert 0 < results["max_abs_diff_onnx"] < 1e-5
    assert 0 < results["closed_loop_max_abs_diff"] < 1e-5
    assert 0 < results["latency_ms"]["median"] <= results["latency_ms"]["p99"]
    assert 0 < results["size_mb"] < 5
    assert results["verdict"] == ""
    assert "wildrobot run walker" in done.out
    settings = (tmp_path / "walker" / "config.yaml").read_text()
    assert "seed: 0" in settings
    assert "episode_length: 0.3" in settings
    assert "32 rollouts" in done.out


def test_nothing_is_printed_by_what_the_command_imports():
    code = "import wildrobot_cli.cli.export_view, wildrobot_cli.cli.run_view"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout + done.stderr == ""


def test_a_failed_proof_is_exit_code_1_and_leaves_no_bundle(command, run, tmp_path, monkeypatch):
    from wildrobot_cli.export import proof

    monkeypatch.setattr(proof, "FREE_TOLERANCE", -1.0)
    done = command("export", "tiny", "--json", "results.json")
    assert done.code == 1
    assert "FAILED: no bundle was written" in done.out
    assert "at most -1: " in done.out
    assert "the policy is unsteady: " in done.out
    results = json.loads((tmp_path / "results.json").read_text())
    assert (results["passed"], results["bundle"]) == (False, None)
    assert not list(run.path.glob("bundle*"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("tinny",), "tinny: no such run; did you mean 'tiny'?"),
        (("tiny", "--quantize", "int4"), "--quantize int4: expected int8"),
        (("tiny", "--out", "nowhere/b"), "--out nowhere/b: no such folder: nowhere"),
        (("tiny", "--out", "tiny"), "--out tiny: exists and is no bundle alone (tiny: not a"),
        (("tiny", "--out", "b/inner"), "--out b/inner: lies inside a bundle; choose another"),
        (("tiny", "--set", "env.nothing=1"), "env.nothing"),
        (("tiny", "--set", "env.episode_length=-1"), "env.episode_length"),
        (("tiny", "--checkpoint", "7"), "no checkpoint '7'"),
        (("tiny", "--seed", "-1"), "seed: expected"),
    ],
)
def test_bad_input_is_exit_code_2_and_one_message(command, run, tmp_path, options, message):
    (tmp_path / "b").mkdir()
    for name in ("SHA256SUMS", "policy.json"):
        (tmp_path / "b" / name).touch()
    done = command("export", *options)
    assert done.code == 2
    assert message in done.err
    assert done.err.count("\n") == 1


def test_a_place_that_cannot_be_written_is_found_before_the_work(command, run):
    done = command("export", "tiny", "--out", "/proc/bundle")
    assert done.code == 3
    assert done.out == ""
    assert done.err == "error: /proc/bundle: cannot write: No such file or directory\n"


def test_without_onnx_it_says_what_to_install(command, run, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    done = command("export", "tiny")
    assert done.code == 3
    assert "pip install 'wildrobot[export]'" in done.err
