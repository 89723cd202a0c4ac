"""What makes an actuator of an MJCF a position servo, and what one lacks."""

import mujoco

SERVO = (
    "a position servo on a joint, with gear 1, a forcerange that is the same both ways and a "
    "ctrlrange that covers the joint's range"
)
"""What every actuator must be: what it says is what it does, on the robot as in the simulation."""

_ROUNDING = 1e-6
"""By which a ctrlrange may miss the joint's range [rad]."""


def lack(model: mujoco.MjModel, actuator: int) -> str | None:
    """Return what keeps an actuator from being a position servo; None where nothing does."""
    joint = int(model.actuator_trnid[actuator, 0])
    lowest, highest = model.actuator_forcerange[actuator]
    gear = model.actuator_gear[actuator, 0]
    if model.actuator_trntype[actuator] != mujoco.mjtTrn.mjTRN_JOINT:
        return "it drives no joint"
    if not _follows_positions(model, actuator):
        return "it does not follow positions; write <position kp=...>"
    if gear != 1:
        return f"gear is {gear:g}; put the gearbox's ratio into kp, forcerange and armature"
    if not model.actuator_forcelimited[actuator]:
        return "it has no forcerange"
    if highest != -lowest:
        return f"forcerange is {lowest:g} {highest:g}"
    return _narrow(model, actuator, joint)


def _follows_positions(model: mujoco.MjModel, actuator: int) -> bool:
    """Whether its force is kp (ctrl - angle), with or without damping."""
    return bool(
        model.actuator_gaintype[actuator] == mujoco.mjtGain.mjGAIN_FIXED
        and model.actuator_biastype[actuator] == mujoco.mjtBias.mjBIAS_AFFINE
        and -model.actuator_biasprm[actuator, 1] == model.actuator_gainprm[actuator, 0] > 0
    )


def _narrow(model: mujoco.MjModel, actuator: int, joint: int) -> str | None:
    """Return what a ctrlrange would cut off the joint's range: MuJoCo cuts without a word."""
    low, high = model.actuator_ctrlrange[actuator]
    least, most = model.jnt_range[joint]
    within = low <= least + _ROUNDING and high >= most - _ROUNDING
    if not model.actuator_ctrllimited[actuator] or within:
        return None
    name = model.joint(joint).name
    return (
        f"ctrlrange is {low:g} {high:g}, the range of joint '{name}' {least:g} {most:g}; widen "
        'the one (inheritrange="1") or narrow the other'
    )
