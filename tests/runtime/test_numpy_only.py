"""The wheel's runtime runs where numpy and onnxruntime are installed, and nothing else."""

import subprocess
import sys
import zipfile
from importlib.metadata import files
from pathlib import Path

import numpy
import pytest

ALONE = """
import sys
site, bundle = sys.argv[1:]
sys.path.append(site)
for heavy in ("jax", "brax", "mujoco", "pydantic", "yaml", "typer", "rich", "scipy", "onnx"):
    try:
        __import__(heavy)
    except ImportError:
        continue
    raise SystemExit(f"{heavy} is installed here")
import pkgutil, wildrobot_cli.runtime
for module in pkgutil.walk_packages(wildrobot_cli.runtime.__path__, "wildrobot_cli.runtime."):
    __import__(module.name)
from wildrobot_cli.runtime.__main__ import main
raise SystemExit(main([bundle]))
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory, root) -> Path:
    """A folder with the wheel as `pip install --no-deps` leaves it, numpy and onnxruntime."""
    dist, site = tmp_path_factory.mktemp("dist"), tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(dist)]
    subprocess.run(command, cwd=root, check=True, capture_output=True)
    (wheel,) = dist.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    installed = Path(numpy.__file__).parents[1]
    for package in ("numpy", "onnxruntime"):
        for top in {path.parts[0] for path in files(package) or ()} - {".."}:
            (site / top).symlink_to(installed / top)
    return site


def test_runtime_of_the_wheel_needs_numpy_and_onnxruntime_alone(site, bundle_folder, tmp_path):
    command = [sys.executable, "-I", "-S", "-c", ALONE, str(site), str(bundle_folder)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "golden action: largest difference" in done.stdout
    assert done.stderr == ""


def test_without_mujoco_a_simulated_robot_is_refused_with_what_to_install(site, bundle_folder):
    code = (
        ALONE.partition("import pkgutil")[0]
        + """
from pathlib import Path
from wildrobot_cli.commands.run import RunRequest, run_bundle
from wildrobot_cli.errors import EnvironmentUnavailable
request = RunRequest(Path(bundle), (0.2, 0, 0), 1, None, False, None, None, None, None, 0, 0)
try:
    run_bundle(request, None)
except EnvironmentUnavailable as error:
    raise SystemExit("pip install wildrobot" not in str(error))
"""
    )
    command = [sys.executable, "-I", "-S", "-c", code, str(site), str(bundle_folder)]
    assert subprocess.run(command, capture_output=True, text=True, check=False).returncode == 0


def test_a_damaged_bundle_is_exit_code_2_there(site, bundle_folder, tmp_path):
    (tmp_path / "b").mkdir()
    command = [sys.executable, "-I", "-S", "-c", ALONE, str(site), str(tmp_path / "b")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "not a bundle" in done.stderr
