"""What of a GPU's measurement can be proved without one."""

import json
import os

import pytest

from wildrobot_cli.bench import gpu
from wildrobot_cli.bench.rows import Row
from wildrobot_cli.cli import bench_view
from wildrobot_cli.commands import bench, settings
from wildrobot_cli.errors import ConfigError, EnvironmentUnavailable


@pytest.mark.parametrize(
    ("driver", "plugin", "remedy"),
    [
        (False, False, "no NVIDIA driver"),
        (False, True, "no NVIDIA driver"),
        (True, False, r"pip install 'wildrobot\[cuda,warp\]'"),
        (True, True, "CUDA_VISIBLE_DEVICES"),
    ],
)
def test_what_is_missing_is_named(driver, plugin, remedy):
    import re

    assert re.search(remedy, gpu.missing(driver, plugin))


@pytest.mark.parametrize("room", [1024, 1500, 4096, 100_000])
def test_the_largest_batch_fits_and_the_next_does_not(room):
    found = gpu.largest_that_fits(lambda n: n <= room, 1024)
    assert found <= room < 2 * found


def test_the_search_ends():
    assert gpu.largest_that_fits(lambda _: True, 1024) == gpu.LARGEST


def test_products_are_in_full_precision_unless_the_user_says_otherwise():
    assert gpu.environment({})[gpu.PRECISION] == "highest"
    assert gpu.environment({gpu.PRECISION: "bfloat16"})[gpu.PRECISION] == "bfloat16"


@pytest.fixture
def measured(monkeypatch):
    """A function: which error measuring a row gives, to what a measurement on a GPU finds."""

    def run(failing, wanted=("physics", "train"), show=None):
        def measure(subjects, turns, on_progress, environment):
            (subject,) = subjects
            if error := failing(subject):
                raise error
            key = (subject.what, "mjx", subject.impl, subject.num_envs)
            return [Row.of(key, [5.0], 1.0, 100.0)]

        def no_breakdown(*_):
            raise EnvironmentUnavailable("no room for it")

        monkeypatch.setattr(bench, "measure", measure)
        monkeypatch.setattr(bench, "ask", no_breakdown)
        monkeypatch.setattr(gpu, "require_gpu", lambda: None)
        monkeypatch.setattr(gpu, "has_warp", lambda: True)
        request = bench.make_request("ppo.yaml", (), None, None, (1024, 2048), wanted, True, None)
        if show is not None:
            return bench_view.run_benchmark(request, show, None)
        return bench.bench(request, lambda _: None)

    return run


def test_a_row_that_does_not_run_costs_no_other(measured):
    def failing(subject):
        if subject.impl == "warp" and subject.num_envs > 1024:
            return ConfigError("too many worlds for warp")
        return None

    found = measured(failing)
    assert len(found.rows) == 4 + 2
    noted = [line for line in found.left_out if "too many worlds" in line]
    assert len(noted) == 2
    assert found.largest["warp"] == 1024 < found.largest["jax"] == gpu.LARGEST
    assert "where the time of a training iteration goes: no room for it" in found.left_out


def test_what_was_measured_outlives_an_interruption(measured, capsys, tmp_path):
    """Hours may lie behind the first rows."""

    def failing(subject):
        return KeyboardInterrupt() if subject.what == "train" else None

    with pytest.raises(KeyboardInterrupt):
        measured(failing, show=tmp_path / "rows.json")
    results = json.loads((tmp_path / "rows.json").read_text())
    assert [row["what"] for row in results["rows"]] == ["physics", "physics"]
    assert results["passed"] is False
    assert "incomplete: ended before all was measured" in capsys.readouterr().out


def test_training_is_held_against_the_physics_of_its_own_kind(measured):
    assert measured(lambda _: None).ratios["train_over_physics"] == 1.0


@pytest.mark.parametrize(("driver", "given", "expected"), [
    (True, None, "highest"),
    (True, "tensorfloat32", "tensorfloat32"),
    (False, None, None),
])  # fmt: skip
def test_whoever_computes_on_a_gpu_keeps_single_precision(
    monkeypatch, tmp_path, driver, given, expected
):
    variables = {k: v for k, v in os.environ.items() if k != gpu.PRECISION}
    monkeypatch.setattr(os, "environ", variables | ({gpu.PRECISION: given} if given else {}))
    monkeypatch.setattr(gpu, "DRIVER", tmp_path if driver else tmp_path / "none")
    settings.prepare_jax()
    assert os.environ.get(gpu.PRECISION) == expected


def test_a_platform_that_is_not_there_is_said_to_be_missing(monkeypatch):
    jax = pytest.importorskip("jax")

    def refuse():
        raise AssertionError

    monkeypatch.setattr(jax, "default_backend", refuse)
    with pytest.raises(EnvironmentUnavailable, match="--gpu: "):
        gpu.require_gpu()
