"""Reading other people's motion files into clips."""

from wildrobot_cli.motion.importers.options import ImportOptions
from wildrobot_cli.motion.importers.reading import FORMATS, import_clip, licence_warning

__all__ = ["FORMATS", "ImportOptions", "import_clip", "licence_warning"]
