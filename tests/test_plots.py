"""Where a plot may go, and what is left when it cannot be written."""

import errno
import sys

import pytest

from wildrobot_cli.errors import ConfigError, EnvironmentUnavailable
from wildrobot_cli.plots import FORMATS, check_plot, save_plot

BEGINNINGS = {".pdf": b"%PDF", ".png": b"\x89PNG", ".svg": b"<?xml"}


@pytest.fixture
def figure():
    return pytest.importorskip("matplotlib.figure").Figure()


@pytest.mark.parametrize("ending", [*FORMATS, ".PNG"])
def test_a_plot_is_of_the_format_that_its_name_says(tmp_path, figure, ending):
    path = tmp_path / f"speed{ending}"
    check_plot(path)
    save_plot(path, figure)
    assert path.read_bytes().startswith(BEGINNINGS[ending.lower()])
    assert list(tmp_path.iterdir()) == [path]


def test_a_plot_that_fails_leaves_the_one_before(tmp_path, figure, monkeypatch):
    def full(file, **_):
        file.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(figure, "savefig", full)
    path = tmp_path / "speed.png"
    path.write_bytes(b"before")
    with pytest.raises(EnvironmentUnavailable, match=r"speed.png: cannot write: No space left"):
        save_plot(path, figure)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"before"]


def test_a_plot_without_matplotlib_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(EnvironmentUnavailable, match=r"pip install 'wildrobot\[plots\]'"):
        check_plot(tmp_path / "speed.png")


@pytest.mark.parametrize("name", ["speed.txt", "nowhere/speed.png", "folder.png"])
def test_what_is_no_name_of_a_picture_is_refused(tmp_path, name):
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(ConfigError, match="^--plot "):
        check_plot(tmp_path / name)
