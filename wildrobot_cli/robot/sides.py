"""Which joints are left, which right, and which belong together: told by the legs they move.

Names tell it for joints that move no leg, an arm's: the words `left` and `right` in them.
"""

import numpy as np

from wildrobot_cli.robot.description import Foot, Robot

LEFT, RIGHT = 0, 1
_WORDS = {"left": LEFT, "right": RIGHT}
_SWAPPED = {"left": "right", "right": "left"}


def sole_sites(robot: Robot) -> tuple[int, int]:
    """Return the sites at the centres of the left and the right sole."""
    return _site(robot, robot.feet.left), _site(robot, robot.feet.right)


def sides(robot: Robot) -> tuple[int | None, ...]:
    """Return each joint's side, `LEFT`, `RIGHT` or None for neither."""
    legs = _legs(robot)
    return tuple(_side(legs, i, name) for i, name in enumerate(robot.joint_names))


def partners(robot: Robot) -> tuple[int | None, ...]:
    """Return each joint's partner on the other side: itself in the middle, None where it lacks one.

    In legs of as many joints, those that are as many joints below the root.
    """
    legs = _legs(robot)
    return tuple(_partner(robot, legs, i) for i in range(len(robot.joint_names)))


def common_name(robot: Robot, joint: int) -> str:
    """Return what a joint and its partner are both called: the words that they share."""
    name, partner = robot.joint_names[joint], partners(robot)[joint]
    if partner in (None, joint):
        return name
    words, others = name.split("_"), robot.joint_names[partner].split("_")
    shared = [word for word, other in zip(words, others, strict=False) if word == other]
    return "_".join(shared) if shared and len(words) == len(others) else name


def _site(robot: Robot, foot: Foot) -> int:
    sensor = int(np.flatnonzero(robot.model.sensor_adr == foot.position.start)[0])
    return int(robot.model.sensor_objid[sensor])


def _legs(robot: Robot) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the left and the right leg's joints, from the root down, without what bears both."""
    model = robot.model
    left, right = (_above(robot, int(model.site_bodyid[site])) for site in sole_sites(robot))
    shared = set(left) & set(right)
    own = [tuple(joint for joint in leg if joint not in shared) for leg in (left, right)]
    return own[LEFT], own[RIGHT]


def _above(robot: Robot, body: int) -> list[int]:
    """Return the joints between the root and a body, from the root down."""
    model = robot.model
    found: list[int] = []
    while body not in (robot.root_body, 0):
        start, count = model.body_jntadr[body], model.body_jntnum[body]
        names = [model.joint(joint).name for joint in range(start, start + count)]
        found = [robot.joint_names.index(n) for n in names if n in robot.joint_names] + found
        body = int(model.body_parentid[body])
    return found


def _side(legs: tuple[tuple[int, ...], ...], joint: int, name: str) -> int | None:
    for side, leg in enumerate(legs):
        if joint in leg:
            return side
    words = [_WORDS[word] for word in name.split("_") if word in _WORDS]
    return words[0] if words else None


def _partner(robot: Robot, legs: tuple[tuple[int, ...], ...], joint: int) -> int | None:
    for leg, other in (legs, legs[::-1]):
        if joint in leg:
            return other[leg.index(joint)] if len(leg) == len(other) else None
    words = robot.joint_names[joint].split("_")
    mirrored = "_".join(_SWAPPED.get(word, word) for word in words)
    return robot.joint_names.index(mirrored) if mirrored in robot.joint_names else None
