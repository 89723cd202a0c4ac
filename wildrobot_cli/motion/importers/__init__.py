"""Reading other people's motion files into clips."""

from wildrobot_cli.motion.importers.options import ImportOptions
from wildrobot_cli.motion.importers.reading import import_clip, licence_warning

__all__ = ["ImportOptions", "import_clip", "licence_warning"]
