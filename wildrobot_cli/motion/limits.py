"""What a clip must hold to be accepted."""

from wildrobot_cli.config.base import Model, NonNegative, Positive, Range
from wildrobot_cli.config.document import read_yaml
from wildrobot_cli.config.loader import validate
from wildrobot_cli.config.resources import asset_dir


class CheckLimits(Model):
    """Limits of the checks, and the thresholds that measuring takes."""

    penetration: NonNegative
    """Deepest that a sole may be in the floor [m]."""
    planned_penetration: NonNegative
    """The same for a plan, before physics [m]."""
    clearance: NonNegative
    """Least height of a sole's lowest point in the middle third of a swing [m]."""
    slip_mean: NonNegative
    """Mean planar speed of a bearing sole's centre, at most [m/s]."""
    slip_p95: NonNegative
    """Its 95th percentile, at most [m/s]."""
    joint_margin: NonNegative
    """Least distance from a joint limit [rad]."""
    leg_gap: NonNegative
    """Least distance between the legs [m]."""
    joint_speed: Positive
    """Largest joint speed, in no-load speeds."""
    torque: Positive
    """Largest shaft torque, in what the speed-torque line leaves at the joint's speed."""
    seam_angle: NonNegative
    """Largest difference of joint angles and root tilt between the ends of a loop [rad]."""
    seam_speed: NonNegative
    """Largest difference of joint speeds between the ends of a loop [rad/s]."""
    symmetry: NonNegative
    """Largest RMS difference of a joint from its mirror image half a cycle later [rad]."""
    speed_error: NonNegative
    """Largest error of the labelled speed, as a share of it."""
    slowest: Positive
    """Errors of labels below this are shares of this [m/s, rad/s]."""
    duty: Range
    """Share of a cycle in which each foot bears weight."""
    weight: Range
    """Mean vertical force from the floor, in weights."""
    tilt: NonNegative
    """Largest tilt of the root in physics [rad]."""
    deviation: NonNegative
    """Largest distance of the root from the clip in physics [m]."""
    bearing: NonNegative
    """A foot with more load than this bears, in weights."""
    speed_bin: Positive
    """Windows are drawn equally often from each bin of labelled speed of this width [m/s]."""
    shortest_swing: NonNegative
    """A foot without load for less than this is not swinging, it bounces [s]."""
    touching: NonNegative
    """A sole lower than this is taken to bear where there is no physics [m]."""


def load_limits() -> CheckLimits:
    """Load the packaged limits."""
    return validate(CheckLimits, read_yaml(asset_dir() / "motion" / "checks.yaml", "checks.yaml"))
