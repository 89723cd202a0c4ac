"""A bundle takes its place whole or not at all, and nothing of anybody else's is touched."""

import itertools
import os
import re
import shutil
from pathlib import Path

import pytest

from wildrobot_cli.errors import ConfigError
from wildrobot_cli.export.export import _folder_beside
from wildrobot_cli.export.files import check_target, publish, write_bundle, zip_of
from wildrobot_cli.runtime.bundles.bundle import open_bundle

FILES = {"policy.json": b"{}", "policy.onnx": b"first"}
NEW = {"policy.json": b"{}", "policy.onnx": b"second"}


@pytest.fixture
def target(tmp_path):
    """A bundle that is there, and its zip."""
    write_bundle(tmp_path / "walker", FILES)
    return tmp_path / "walker"


@pytest.fixture
def aside(tmp_path):
    """The next one, written aside."""
    (tmp_path / "aside").mkdir()
    write_bundle(tmp_path / "aside" / "walker", NEW)
    return tmp_path / "aside" / "walker"


def everything(folder):
    """Every file below a folder, and its content."""
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def refused(folder) -> str:
    with pytest.raises(ConfigError, match=re.escape(f"--out {folder}: ")) as caught:
        check_target(folder)
    return str(caught.value)


def test_a_bundle_and_its_zip_are_replaced(target, aside):
    check_target(target)
    publish(aside, target)
    assert (target / "policy.onnx").read_bytes() == b"second"
    shutil.rmtree(target)
    shutil.unpack_archive(zip_of(target), target.parent)
    assert (target / "policy.onnx").read_bytes() == b"second"


def test_a_place_that_is_free_is_taken(aside, tmp_path):
    check_target(tmp_path / "new")
    publish(aside, tmp_path / "new")
    assert (tmp_path / "new" / "policy.onnx").is_file()
    assert (tmp_path / "new.zip").is_file()


@pytest.mark.parametrize("kind", ["text", "zip", "folder", "link", "damaged"])
def test_another_file_of_the_zips_name_is_not_overwritten(target, kind, tmp_path):
    place = zip_of(target)
    whole = place.read_bytes()
    place.unlink()
    if kind == "text":
        place.write_text("my thesis")
    elif kind == "zip":
        shutil.make_archive(str(target), "zip", target)
        with (target / "notes.txt").open("w") as file:
            file.write("in the zip, too")
        shutil.make_archive(str(target), "zip", target)
        (target / "notes.txt").unlink()
    elif kind == "folder":
        place.mkdir()
    elif kind == "link":
        (tmp_path / "elsewhere.zip").write_bytes(whole)
        place.symlink_to(tmp_path / "elsewhere.zip")
    else:
        place.write_bytes(whole[:-100])
    before = everything(tmp_path)
    assert "choose another place" in refused(target)
    assert everything(tmp_path) == before


@pytest.mark.parametrize("name", ["notes.txt", "robot-logs"])
def test_a_file_or_folder_that_an_owner_put_into_a_bundle_is_kept(target, name):
    (target / name).mkdir() if name == "robot-logs" else (target / name).write_text("mine")
    assert f"{name} does not belong to it" in refused(target)


def test_a_file_that_an_owner_changed_is_kept(target):
    (target / "policy.onnx").write_bytes(b"mine")
    assert "policy.onnx fails its checksum" in refused(target)


def test_a_folder_that_is_no_bundle_is_refused(tmp_path):
    (tmp_path / "photos").mkdir()
    assert "not a bundle" in refused(tmp_path / "photos")
    assert "no such folder" in refused(tmp_path / "nowhere" / "walker")


def end_at_move(monkeypatch, number, error, moved):
    """Have one of the moves raise an error, after it was done or before."""
    honest, count = os.rename, itertools.count()

    def rename(old, new):
        ends = next(count) == number
        if moved or not ends:
            honest(old, new)
        if ends:
            raise error

    monkeypatch.setattr(os, "rename", rename)


@pytest.mark.parametrize("ending", range(4))
@pytest.mark.parametrize(
    ("error", "moved"),
    [
        (OSError, False),
        (KeyboardInterrupt, False),
        (KeyboardInterrupt, True),
        (SystemExit, True),
    ],
)
def test_what_fails_before_a_move_or_ends_after_it_leaves_the_old_bundle(
    target, aside, tmp_path, ending, error, moved, monkeypatch
):
    before = everything(tmp_path)
    end_at_move(monkeypatch, ending, error, moved)
    with pytest.raises(error):
        publish(aside, target)
    assert everything(tmp_path) == before


@pytest.mark.parametrize("ending", range(2))
def test_a_signal_right_after_a_move_leaves_a_free_place_free(aside, tmp_path, ending, monkeypatch):
    before = everything(tmp_path)
    end_at_move(monkeypatch, ending, SystemExit, moved=True)
    with pytest.raises(SystemExit):
        publish(aside, tmp_path / "new")
    assert everything(tmp_path) == before


@pytest.mark.parametrize("spoilt", [False, True])
def test_a_place_inside_of_a_bundle_is_refused(target, spoilt, monkeypatch):
    """A folder or zip in there would make it one that is damaged."""
    if spoilt:
        (target / "policy.onnx").write_bytes(b"mine")
    assert "lies inside a bundle; choose another place" in refused(target / "inner")
    monkeypatch.chdir(target)
    assert "lies inside a bundle" in refused(Path("inner"))
    (target.parent / "link").symlink_to(target)
    assert "lies inside a bundle" in refused(target.parent / "link" / "inner")


def test_a_signal_right_after_a_folder_was_made_leaves_none(tmp_path, monkeypatch):
    honest = os.mkdir

    def mkdir(*arguments):
        honest(*arguments)
        raise SystemExit

    monkeypatch.setattr(os, "mkdir", mkdir)
    with pytest.raises(SystemExit), _folder_beside(tmp_path / "walker"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_what_the_readme_says_writes_nothing_into_the_bundle(bundle):
    text = bundle.files["README.md"].decode()
    assert "wildrobot run BUNDLE" in text
    assert "run ." not in text
    assert open_bundle(bundle.path).files == bundle.files
