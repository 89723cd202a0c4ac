"""From sensors to safe targets: the state machine, watchdogs and limits."""
