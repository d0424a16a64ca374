"""The parts of a worker that can run alone."""

from enum import StrEnum


class Component(StrEnum):
    """What `smsgw run --only` chooses, and what a replica's row names."""

    DISPATCH = "dispatch"
    WEBHOOK = "webhook"
    RECONCILE = "reconcile"
    CONSOLE = "console"
