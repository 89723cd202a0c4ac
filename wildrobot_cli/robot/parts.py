"""Finding what a robot's YAML names in its compiled MJCF."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NoReturn

import mujoco

from wildrobot_cli.config.document import Document, KeyPath, dotted
from wildrobot_cli.errors import ConfigError, suggest

Kind = Literal["body", "joint", "key", "sensor", "site"]
SensorKind = Literal[
    "gyro", "accelerometer", "framequat", "framepos", "framelinvel", "framezaxis", "touch"
]

_TITLES = {"key": "keyframe"}
_KIND = {
    int(kind): kind.name.removeprefix("mjSENS_").lower()
    for kind in mujoco.mjtSensor.__members__.values()
}


@dataclass(frozen=True)
class Parts:
    """The named parts of a compiled MJCF, and the YAML that names them."""

    model: mujoco.MjModel
    """The compiled MJCF."""
    mjcf: str
    """What messages call the MJCF file."""
    document: Document
    """The YAML file."""

    def find(self, kind: Kind, name: str, path: KeyPath) -> int:
        """Return the index of the part `name`, which the YAML names at `path`."""
        names = self._names(kind)
        if name not in names:
            hint = suggest(name, filter(None, names))
            self.fail(path, f"no {_TITLES.get(kind, kind)} '{name}' in {self.mjcf}{hint}")
        return names.index(name)

    def sensor(self, kind: SensorKind, name: str, path: KeyPath, site: int | None = None) -> slice:
        """Return the place in sensordata of a sensor, in world coordinates of `site` if given."""
        model = self.model
        sensor = self.find("sensor", name, path)
        kinds = [_KIND[type_] for type_ in model.sensor_type]
        if kinds[sensor] != kind:
            names = self._names("sensor")
            same = [other for other, k in zip(names, kinds, strict=True) if other and k == kind]
            found = f"'{name}' in {self.mjcf} is a {kinds[sensor]}"
            self.fail(path, f"expected a {kind} sensor, {found}{suggest(name, same)}")
        if site is not None:
            of_site = model.sensor_objtype[sensor] == mujoco.mjtObj.mjOBJ_SITE
            in_world = model.sensor_refid[sensor] < 0
            if not (of_site and in_world and model.sensor_objid[sensor] == site):
                expected = f"expected a sensor of site '{model.site(site).name}' in the world frame"
                self.fail(path, f"{expected}, '{name}' in {self.mjcf} is none")
        start = int(model.sensor_adr[sensor])
        return slice(start, start + int(model.sensor_dim[sensor]))

    def site_of(self, kind: SensorKind, name: str, path: KeyPath) -> int:
        """Return the site that a sensor of a kind sits on."""
        self.sensor(kind, name, path)
        return int(self.model.sensor_objid[self.find("sensor", name, path)])

    def index(self, joints: Sequence[str], name: str, path: KeyPath) -> int:
        """Return the index among the YAML's own `joints` of a joint that it names at `path`."""
        if name not in joints:
            self.fail(path, f"'{name}' is not among joints{suggest(name, joints)}")
        return joints.index(name)

    def fail(self, path: KeyPath, problem: str) -> NoReturn:
        """Raise the error that says what is wrong with the value at `path` of the YAML."""
        raise ConfigError(f"{self.document.locate(path)}: {dotted(path)}: {problem}")

    def _names(self, kind: Kind) -> list[str]:
        """Return the names of all parts of a kind, empty where one has none."""
        count = {
            "body": self.model.nbody,
            "joint": self.model.njnt,
            "key": self.model.nkey,
            "sensor": self.model.nsensor,
            "site": self.model.nsite,
        }[kind]
        return [getattr(self.model, kind)(i).name for i in range(count)]
