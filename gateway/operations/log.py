"""The operator's log: who changed what, when, why, and which messages it touched. It can only grow."""

from gateway.store.actions import Action, listed

__all__ = ["Action", "listed"]
