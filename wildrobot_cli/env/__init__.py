"""The environment: terms, observations, resets, and the `brax.envs.Env` made of them.

Brax imports MJX, and MJX prints that MuJoCo Warp is missing where it is. Warp is optional, and
`physics.mjx` says so when it is asked for: MJX is imported here first, without those two lines.
"""

from contextlib import redirect_stdout
from io import StringIO

with redirect_stdout(StringIO()) as _printed:
    import mujoco.mjx  # noqa: F401

for _line in _printed.getvalue().splitlines():
    if not _line.startswith(("Failed to import warp", "Failed to import mujoco_warp")):
        print(_line)
