"""What tests of planted faults share: when a fault begins, and how it must end."""

import dataclasses

from wildrobot_cli.runtime.log import read_events

JOINTS = 11
AT = 30
"""The control step at which a fault begins: the robot walks since step 11."""
SOON = 2
"""Control periods until the reaction."""


def hasty(bundle):
    """A bundle's description, for a robot that starts and stops in a moment."""
    safety = dataclasses.replace(bundle.description.safety, soft_stop_time=0.1, startup_time=0.2)
    return dataclasses.replace(bundle.description, safety=safety)


def assert_stopped(rig, cause):
    assert rig.trips == [cause]
    assert AT <= rig.tripped_at() < AT + SOON
    assert rig.supervisor.mode == "stopped"
    assert not rig.written.torque
    assert rig.written.unsafe == []
    rig.log.flush(rig.supervisor.events)
    assert [e["cause"] for e in read_events(rig.log.folder)][:2] == ["walking", cause]


def assert_tolerated(rig):
    assert rig.trips == []
    assert rig.tripped_at() > AT + SOON
    assert rig.written.unsafe == []


def plan_fault(rig, fault, steps=10**9):
    honest = rig.robot.fault
    rig.plan[AT] = lambda: setattr(rig.robot, "fault", fault)
    rig.plan[AT + steps] = lambda: setattr(rig.robot, "fault", honest)
