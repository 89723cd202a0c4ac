"""What the README shows works as it stands there."""

import re
import subprocess
import sys

import pytest


def blocks(root, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (root / "README.md").read_text(), re.DOTALL)


@pytest.mark.long
def test_the_python_example_runs(root, tmp_path):
    (example,) = blocks(root, "python")
    done = subprocess.run(
        [sys.executable, "-c", example], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "runs/taste/summary.json").is_file()
    assert 0 <= float(done.stdout.splitlines()[-1]) <= 1


def test_every_option_in_the_shell_examples_exists(root):
    for line in "\n".join(blocks(root, "sh")).splitlines():
        words = line.split("#")[0].split()
        if "wildrobot" in words[:3] and len(words) > 2:
            command = words[words.index("wildrobot") + 1]
            shown = subprocess.run(
                [sys.executable, "-m", "wildrobot_cli", command, "--help"],
                capture_output=True,
                text=True,
                check=True,
                env={"COLUMNS": "200", "PATH": ""},
            ).stdout
            for option in (word for word in words if word.startswith("--")):
                assert option in shown, line


def test_every_linked_file_exists(root):
    text = (root / "README.md").read_text()
    links = re.findall(r"\]\(([\w./-]+)\)", text) + re.findall(r'src="([^"]+)"', text)
    assert links
    for link in links:
        assert (root / link).is_file(), link
