"""Why messages did not arrive: the newest of each state, counted by reason."""

from gateway.store.stuck import Reason as ReasonCount
from gateway.store.stuck import reasons

__all__ = ["ReasonCount", "reasons"]
