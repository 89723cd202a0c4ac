"""A checkpoint is whole, verified, and refused where it does not belong."""

import json
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wildrobot_cli.env.environment import WildRobotEnv
from wildrobot_cli.errors import RunError
from wildrobot_cli.training import checkpoint_list, checkpoints
from wildrobot_cli.training.policy import load_policy

TREE = {"a": jnp.arange(6.0).reshape(2, 3), "b": {"count": jnp.int32(7)}}


@pytest.fixture
def folder(tmp_path):
    for steps in (100, 200, 300):
        checkpoints.save(tmp_path, steps, TREE, {"key": jnp.zeros(2)}, "robot")
    return tmp_path


def damage(folder, part="policy"):
    """A data file of the newest checkpoint."""
    newest = checkpoint_list.find_checkpoint(folder, None)
    files = [path for path in sorted((newest / part).rglob("*")) if path.is_file()]
    return max(files, key=lambda path: path.stat().st_size)


def test_what_is_saved_comes_back_to_the_bit(folder):
    path = checkpoint_list.find_checkpoint(folder, None)
    back = checkpoints.restore(path, "policy", TREE, "robot")
    jax.tree.map(np.testing.assert_array_equal, back, TREE)


def steps_in(folder) -> list[int]:
    return [int(path.name) for path in checkpoint_list.list_checkpoints(folder)]


def test_only_the_newest_are_kept(folder):
    checkpoint_list.prune(folder, keep=2)
    assert steps_in(folder) == [200, 300]


def test_the_best_is_kept_however_old(folder):
    for steps, success, error in ((150, 1.0, 0.2), (160, 1.0, 0.1), (170, 0.9, 0.0)):
        score = checkpoint_list.Score(success, error)
        checkpoints.save(folder, steps, TREE, TREE, "robot", score)
    checkpoint_list.prune(folder, keep=1)
    assert steps_in(folder) == [160, 300]
    assert checkpoint_list.find_checkpoint(folder, "best").name == "000000000160"
    assert checkpoint_list.find_checkpoint(folder, "latest").name == "000000000300"


def test_of_equal_scores_the_newest_is_best(folder):
    for steps in (150, 250):
        checkpoints.save(folder, steps, TREE, TREE, "robot", checkpoint_list.Score(1.0, 0.1))
    assert checkpoint_list.find_checkpoint(folder, "best").name == "000000000250"


def test_without_scores_there_is_no_best(folder):
    with pytest.raises(RunError, match="no checkpoint has a score"):
        checkpoint_list.find_checkpoint(folder, "best")


def test_a_half_written_one_does_not_count(folder):
    (folder / ".writing-000000000400").mkdir()
    assert checkpoint_list.find_checkpoint(folder, None).name == "000000000300"


def test_a_copy_under_another_name_does_not_count(folder):
    there = checkpoint_list.list_checkpoints(folder)
    shutil.copytree(there[-1], there[-1].with_name(f"{there[-1].name}.bak"))
    assert checkpoint_list.list_checkpoints(folder) == there


def test_one_is_found_by_its_steps(folder):
    assert checkpoint_list.find_checkpoint(folder, "200").name == "000000000200"


def test_an_unknown_number_of_steps_lists_what_there_is(folder):
    with pytest.raises(RunError, match=r"no checkpoint 'x'; valid: 100, 200, 300, best, latest"):
        checkpoint_list.find_checkpoint(folder, "x")


def test_a_flipped_byte_is_found_by_name(folder):
    file = damage(folder)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(RunError, match=f"damaged checkpoint: .*{file.name} fails its checksum"):
        checkpoints.restore(checkpoint_list.find_checkpoint(folder, None), "policy", TREE, "robot")


def test_a_truncated_file_is_found_by_name(folder):
    file = damage(folder)
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(RunError, match=f"{file.name} fails its checksum"):
        checkpoints.restore(checkpoint_list.find_checkpoint(folder, None), "policy", TREE, "robot")


def test_a_missing_file_is_found_by_name(folder):
    file = damage(folder)
    file.unlink()
    with pytest.raises(RunError, match=f"{file.name} is missing"):
        checkpoints.restore(checkpoint_list.find_checkpoint(folder, None), "policy", TREE, "robot")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"robot": "x"}'])
def test_an_unreadable_manifest_is_a_damaged_checkpoint(folder, content):
    path = checkpoint_list.find_checkpoint(folder, None)
    (path / checkpoint_list.MANIFEST).write_text(content)
    with pytest.raises(RunError, match=r"damaged checkpoint: manifest\.json is unreadable"):
        checkpoints.restore(path, "policy", TREE, "robot")


def test_one_of_another_robot_is_refused(folder):
    path = checkpoint_list.find_checkpoint(folder, None)
    with pytest.raises(RunError, match="made for another robot"):
        checkpoints.restore(path, "policy", TREE, "other")


def test_one_of_another_shape_is_refused_with_both_shapes(folder):
    path = checkpoint_list.find_checkpoint(folder, None)
    like = {**TREE, "a": jnp.zeros((2, 4))}
    with pytest.raises(RunError) as error:
        checkpoints.restore(path, "policy", like, "robot")
    assert str(error.value) == (
        f"{path}: of another shape: policy['a'] is float32[2, 3] in the checkpoint, "
        "float32[2, 4] by the configuration"
    )


def test_a_policy_does_not_load_into_another_network(run, tiny_config):
    batch = tiny_config.ppo.mujoco.model_copy(update={"policy_hidden": (16,)})
    ppo = tiny_config.ppo.model_copy(update={"mujoco": batch})
    config = tiny_config.model_copy(update={"ppo": ppo})
    with pytest.raises(RunError, match="of another shape"):
        load_policy(run, config, WildRobotEnv(config.env), None)


def test_a_policy_of_another_robot_is_refused(run, tiny_config):
    path = checkpoint_list.find_checkpoint(run.checkpoints, None) / checkpoint_list.MANIFEST
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps({**manifest, "robot": "0" * 64}))
    with pytest.raises(RunError, match="made for another robot"):
        load_policy(run, tiny_config, WildRobotEnv(tiny_config.env), None)


def test_the_checksum_of_parameters_sees_every_bit():
    same = checkpoints.params_sha256([TREE])
    assert same == checkpoints.params_sha256([TREE])
    nudged = {**TREE, "a": TREE["a"].at[1, 2].add(5e-7)}
    assert same != checkpoints.params_sha256([nudged])
