"""The operator's log: who changed what, when, why, and which messages it touched. It can only grow."""

from gateway.store.actions import Action, list_actions

__all__ = ["Action", "list_actions"]
