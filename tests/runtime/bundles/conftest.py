import shutil

import pytest


@pytest.fixture
def folder(bundle_folder, tmp_path):
    """A copy of the tiny bundle, free to damage."""
    return shutil.copytree(bundle_folder, tmp_path / "walker")
