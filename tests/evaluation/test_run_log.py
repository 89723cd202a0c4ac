"""A log of a robot that does not read is one message."""

import numpy as np
import pytest

from wildrobot_cli.errors import ConfigError
from wildrobot_cli.evaluation.run_log import _read_truth


@pytest.mark.parametrize("left", [0, 10, 0.5, 0.99])
def test_states_that_were_cut_off_are_named(tmp_path, left):
    file = tmp_path / "truth.npz"
    np.savez(file, qpos=np.zeros((100, 18)), qvel=np.zeros((100, 17)))
    whole = file.read_bytes()
    assert set(_read_truth(tmp_path)) == {"qpos", "qvel"}
    file.write_bytes(whole[: left if isinstance(left, int) else int(left * len(whole))])
    with pytest.raises(ConfigError, match=r"not a readable log: truth\.npz"):
        _read_truth(tmp_path)


def test_states_without_positions_are_named(tmp_path):
    np.savez(tmp_path / "truth.npz", qvel=np.zeros((100, 17)))
    with pytest.raises(ConfigError, match="qpos"):
        _read_truth(tmp_path)
