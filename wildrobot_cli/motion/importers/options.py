"""What a user says about a file that is to be imported."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class ImportOptions:
    """What the file itself does not say."""

    source: str
    """Where the motion comes from."""
    licence: str
    """Its licence."""
    unit: str | None = None
    """Unit of lengths, `m` or `cm`, where the format has none of its own."""
    joints: dict[str, str] = field(default_factory=dict)
    """The robot's joint to the file's channel, such as `left_knee_pitch: LeftLeg.y`; a minus sign
    in front turns it round. Joints not named here are matched by their own name."""
    scale: float = 1.0
    """Factor on the root's path: the robot's leg length over the walker's."""
