"""Running the command line inside this process, as a user types it."""

import sys
from collections.abc import Callable
from typing import NamedTuple

import pytest

from wildrobot_cli.cli.app import main


class Done(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def command(tmp_path, monkeypatch, capsys) -> Callable[..., Done]:
    """Run `wildrobot` with arguments in an empty folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("JAX_COMPILATION_CACHE_DIR", "TF_CPP_MIN_LOG_LEVEL"):
        monkeypatch.setenv(name, "")  # restored afterwards: commands set them

    def call(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["wildrobot", *arguments])
        with pytest.raises(SystemExit) as exit_:
            main()
        captured = capsys.readouterr()
        return Done(int(exit_.value.code or 0), captured.out, captured.err)

    return call
