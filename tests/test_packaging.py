import os
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

HEAVY = ("brax", "flax", "jax", "mujoco", "optax", "orbax", "scipy", "tensorboardX")


def run(command: list[str], folder: Path, **environment: str) -> str:
    """Run a command in a folder, with no path to the checkout but what `environment` gives."""
    clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        command, cwd=folder, env=clean | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout.strip()


def build(kind: str, source: Path, folder: Path) -> Path:
    """Build a `wheel` or an `sdist`."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(folder)]
    run(command, source)
    (built,) = folder.glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel that the checkout builds."""
    return build("wheel", Path(__file__).resolve().parents[1], tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def unpacked(wheel, tmp_path_factory) -> Path:
    """A folder that holds what the wheel installs."""
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def files_below(folder: Path) -> set[str]:
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


@pytest.mark.parametrize("name", ["configs", "assets", "benchmarks"])
def test_wheel_carries_every_packaged_file(name, unpacked, root):
    assert files_below(unpacked / "wildrobot_cli" / name) == files_below(root / name)


def test_wheel_carries_the_package_and_nothing_else(unpacked):
    tops = {path.name for path in unpacked.iterdir()}
    assert tops == {"wildrobot_cli", "wildrobot-0.1.0.dist-info"}


def test_wheel_of_the_sdist_is_the_checkouts_own(wheel, root, tmp_path):
    with tarfile.open(build("sdist", root, tmp_path)) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = (path for path in tmp_path.iterdir() if path.is_dir())
    with (
        zipfile.ZipFile(build("wheel", source, tmp_path)) as ours,
        zipfile.ZipFile(wheel) as theirs,
    ):
        names = set(ours.namelist())
        assert "wildrobot_cli/benchmarks/reference.xml" in names
        assert names == set(theirs.namelist())


def test_installed_package_finds_its_own_files_from_an_empty_folder(unpacked, tmp_path):
    code = (
        "from wildrobot_cli.config import Config, asset_dir, config_dir\n"
        "from wildrobot_cli.robot import load_robot\n"
        "robot = load_robot(Config.from_file('ppo').env.robot)\n"
        "print(config_dir(), asset_dir(), robot.mjcf_path, sep='\\n')"
    )
    found = run([sys.executable, "-c", code], tmp_path, PYTHONPATH=str(unpacked)).splitlines()
    package = unpacked.resolve() / "wildrobot_cli"
    assert found[:2] == [str(package / "configs"), str(package / "assets")]
    assert Path(found[2]).parent == package / "assets"


def test_installed_command_answers_from_an_empty_folder(unpacked, tmp_path):
    command = [sys.executable, "-m", "wildrobot_cli", "--help"]
    text = run(command, tmp_path, PYTHONPATH=str(unpacked))
    assert "train" in text
    assert not list(tmp_path.iterdir())


def test_command_line_imports_nothing_heavy(tmp_path, unpacked):
    code = (
        "import sys, wildrobot_cli.cli.app\n"
        f"print(*sorted(set({HEAVY!r}) & {{name.partition('.')[0] for name in sys.modules}}))"
    )
    assert run([sys.executable, "-c", code], tmp_path, PYTHONPATH=str(unpacked)) == ""


def test_nothing_that_users_install_holds_jax_back(root):
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    requirements = [*project["dependencies"], *sum(project["optional-dependencies"].values(), [])]
    jax = [line for line in requirements if line.startswith("jax")]
    assert jax
    assert not [
        line for line in jax if "<" in line.partition(";")[0] or "==" in line.partition(";")[0]
    ]


def test_lock_pins_everything_by_hash_and_names_no_host(root):
    lock = (root / "requirements" / "test.txt").read_text(encoding="utf-8")
    assert "\njax==0.9.2 " in lock
    assert "://" not in lock
    for block in lock.split("\n\n"):
        for line in block.splitlines():
            if line[:1].isalnum():
                assert "==" in line
                assert line.endswith("\\")


@pytest.mark.slow
def test_wheel_installs_into_an_empty_environment_and_trains(wheel, tmp_path):
    environment, folder = tmp_path / "venv", tmp_path / "empty"
    folder.mkdir()
    venv.create(environment, with_pip=True)
    run([str(environment / "bin" / "pip"), "install", "--quiet", str(wheel)], folder)
    run([str(environment / "bin" / "wildrobot"), "train", "--verify"], folder)
