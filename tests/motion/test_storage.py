import io
import zipfile
from contextlib import suppress

import numpy as np
import pytest

from wildrobot_cli.errors import ConfigError
from wildrobot_cli.motion.storage import load_clip, save_clip


@pytest.fixture
def path(tmp_path, swaying):
    file = tmp_path / "swaying.npz"
    save_clip(file, swaying)
    return file


def rewrite(path, **changes):
    """Write a clip's file again with some arrays changed, or left out where None."""
    with np.load(path) as archive:
        content = {name: archive[name] for name in archive.files} | changes
    np.savez(path, **{name: value for name, value in content.items() if value is not None})


def test_a_clip_survives_its_file(path, swaying):
    loaded = load_clip(path)
    assert (loaded.name, loaded.fps, loaded.loop) == ("swaying", 50.0, True)
    assert (loaded.source, loaded.licence) == (swaying.source, swaying.licence)
    assert loaded.joint_names == swaying.joint_names
    for name in ("root_position", "joint_angles", "velocity", "command", "phase"):
        np.testing.assert_allclose(getattr(loaded, name), getattr(swaying, name), atol=1e-6)


def test_the_same_clip_gives_the_same_bytes(path, swaying, tmp_path):
    other = tmp_path / "other.npz"
    save_clip(other, load_clip(path))
    assert other.read_bytes() == path.read_bytes()


def test_only_poses_and_their_origin_are_required(path):
    rewrite(path, velocity=None, command=None, phase=None, frequency=None, loop=None, held_out=None)
    loaded = load_clip(path)
    assert np.hypot(*loaded.velocity[25, :2]) == pytest.approx(0.3, abs=1e-4)
    assert not loaded.loop


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"root_position": None},
            "no array 'root_position': not a clip; `motion import` makes one",
        ),
        ({"licence": None}, "no array 'licence'"),
        ({"root_positions": np.zeros(3)}, "unknown array 'root_positions'; did you mean"),
        ({"joint_angles": np.array(["a", "b"])}, "joint_angles: expected numbers for each frame"),
        ({"root_position": np.array(1.0)}, r"root_position: expected numbers .* of shape \(\)"),
        ({"phase": np.array(1)}, r"phase: expected numbers .*, got int64 of shape \(\)"),
        ({"joint_names": np.arange(11)}, "joint_names: expected a list of text, got int64"),
        ({"joint_names": np.array("hip")}, r"joint_names: expected a list .* of shape \(\)"),
        ({"joint_names": np.array(["hip"] * 11)}, "joint_names: 'hip' stands twice"),
        ({"frequency": -1.0}, "frequency: expected a number of 0 or more, got -1.0"),
        ({"frequency": np.nan}, "frequency: expected a number of 0 or more, got nan"),
        ({"root_position": np.zeros((51, 2))}, r"root_position: expected shape \(51, 3\)"),
        ({"fps": np.array([1.0, 2.0])}, r"fps: expected a number, got float64 of shape \(2,\)"),
    ],
)
def test_a_wrong_array_is_named(path, changes, message):
    rewrite(path, **changes)
    with pytest.raises(ConfigError, match=f"^{path}: {message}"):
        load_clip(path)


def test_pickles_are_refused(path):
    rewrite(path, source=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ConfigError, match="swaying.npz: it holds objects"):
        load_clip(path)


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04 cut off"])
def test_what_is_no_archive_is_refused(tmp_path, content):
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(ConfigError, match="x.npz: not an .npz file, or damaged"):
        load_clip(tmp_path / "x.npz")


def test_a_truncated_clip_is_refused(path):
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ConfigError, match="not an .npz file, or damaged"):
        load_clip(path)


def test_a_flipped_byte_is_a_message_or_no_harm(path, tmp_path):
    """Of a packed clip, and of one that is not: wherever it is, down to the zip's own directory."""
    packed = tmp_path / "packed.npz"
    with np.load(path) as archive:
        np.savez_compressed(packed, **archive)
    for whole in (path.read_bytes(), packed.read_bytes()):
        for place in range(0, len(whole), max(1, len(whole) // 300)):
            spoilt = bytearray(whole)
            spoilt[place] ^= 0x55
            path.write_bytes(spoilt)
            with suppress(ConfigError):
                load_clip(path)


def test_a_member_that_is_no_array_is_refused(path):
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("phases", b"text")
    with pytest.raises(ConfigError, match="holds 'phases', which is no array"):
        load_clip(path)


def test_an_archive_that_unpacks_beyond_measure_is_refused(tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for part in range(5):
            archive.writestr(f"{part}.npy", bytes(2**26))
    (tmp_path / "bomb.npz").write_bytes(buffer.getvalue())
    with pytest.raises(ConfigError, match=r"bomb.npz: unpacks to \d+ bytes"):
        load_clip(tmp_path / "bomb.npz")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match="nowhere.npz: no such file"):
        load_clip(tmp_path / "nowhere.npz")
