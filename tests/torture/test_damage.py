"""Ten kinds of damage to the newest checkpoint: each is named, and the one before it is used."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
import pytest

from wildrobot_cli import evaluate, resume, train
from wildrobot_cli.errors import RunError
from wildrobot_cli.training import checkpoint_list, checkpoints
from wildrobot_cli.training.run_folder import RunFolder


def largest(folder: Path) -> Path:
    return max((p for p in folder.rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)


def truncate(folder: Path) -> None:
    file = largest(folder)
    file.write_bytes(file.read_bytes()[:-7])


def flip(folder: Path) -> None:
    file = largest(folder)
    content = bytearray(file.read_bytes())
    content[len(content) // 3] ^= 4
    file.write_bytes(content)


def lose_a_file(folder: Path) -> None:
    largest(folder).unlink()


def empty(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def other_shapes(checkpoint: Path, part: str) -> None:
    """Put whole, well-described arrays of other shapes in the place of a part."""
    manifest = json.loads((checkpoint / checkpoint_list.MANIFEST).read_text())
    shutil.rmtree(checkpoint / part)
    tree = {"params": np.zeros((3, 3), np.float32)}
    sums = checkpoints._write_trees(checkpoint, {part: tree})
    kept = {k: v for k, v in manifest["sha256"].items() if not k.startswith(f"{part}/")}
    manifest["sha256"] = kept | {k: v for k, v in sums.items() if k.startswith(f"{part}/")}
    (checkpoint / checkpoint_list.MANIFEST).write_text(json.dumps(manifest))


def inside(part: str, damage: Callable[[Path], None]) -> Callable[[Path], None]:
    return lambda checkpoint: damage(checkpoint / part)


DAMAGES = {
    "truncated policy": inside("policy", truncate),
    "truncated trainer": inside("trainer", truncate),
    "flipped byte in the policy": inside("policy", flip),
    "flipped byte in the trainer": inside("trainer", flip),
    "missing file of the policy": inside("policy", lose_a_file),
    "missing file of the trainer": inside("trainer", lose_a_file),
    "missing manifest": lambda checkpoint: (checkpoint / "manifest.json").unlink(),
    "emptied folder": empty,
    "other shapes in the policy": lambda checkpoint: other_shapes(checkpoint, "policy"),
    "other shapes in the trainer": lambda checkpoint: other_shapes(checkpoint, "trainer"),
}


@pytest.fixture(scope="module")
def three(tmp_path_factory, tiny_config, shared_programs):
    """A finished run with a checkpoint of each of its three iterations."""
    settings = tiny_config.checkpoints.model_copy(update={"every_iterations": 1})
    config = tiny_config.model_copy(update={"checkpoints": settings})
    folder = tmp_path_factory.mktemp("three")
    return train(config, folder, "three"), folder / "three"


@pytest.fixture
def damaged(three, tmp_path, request):
    """A copy of it with its newest checkpoint damaged."""
    shutil.copytree(three[1], tmp_path / "run")
    run = RunFolder(tmp_path / "run")
    newest = checkpoint_list.find_checkpoint(run.checkpoints, "latest")
    DAMAGES[request.param](newest)
    return run, newest


@pytest.mark.parametrize("damaged", DAMAGES, indirect=True)
def test_the_one_before_is_used_and_the_damage_is_named(three, damaged, caplog):
    run, newest = damaged
    result = resume(run)
    (message,) = [r.getMessage() for r in caplog.records if r.name.startswith("wildrobot")]
    assert message.startswith(f"{newest}: damaged checkpoint: ")
    assert message.endswith(f"set aside as damaged-{newest.name}, going on from {80:012d}")
    assert result.params_sha256 == three[0].params_sha256
    names = [path.name for path in checkpoint_list.list_checkpoints(run.checkpoints)]
    assert names == [f"{steps:012d}" for steps in (40, 80, 120)]


@pytest.mark.parametrize("damaged", ["flipped byte in the policy", "emptied folder"], indirect=True)
def test_an_evaluation_does_not_take_another_one_silently(damaged):
    run, newest = damaged
    with pytest.raises(RunError, match=f"{newest.name}: damaged checkpoint: ") as error:
        evaluate(run)
    assert str(error.value).endswith("; the one before it: --checkpoint 80")


def test_with_all_of_them_damaged_nothing_is_changed(three, tmp_path):
    shutil.copytree(three[1], tmp_path / "run")
    run = RunFolder(tmp_path / "run")
    for path in checkpoint_list.list_checkpoints(run.checkpoints):
        flip(path / "policy")
    before = {p: p.read_bytes() for p in run.checkpoints.rglob("*") if p.is_file()}
    with pytest.raises(RunError, match=f"{120:012d}: damaged checkpoint: policy/"):
        resume(run)
    assert before == {p: p.read_bytes() for p in run.checkpoints.rglob("*") if p.is_file()}


def test_every_kind_of_damage_is_found_in_either_part(three):
    """The planted faults above are faults: a sound copy is read without complaint."""
    newest = checkpoint_list.find_checkpoint(three[1] / "checkpoints", "latest")
    manifest = json.loads((newest / checkpoint_list.MANIFEST).read_text())
    assert {name.split("/")[0] for name in manifest["sha256"]} == {"policy", "trainer"}
    assert len(DAMAGES) == 10
    assert jax.tree.leaves(manifest["shapes"])
