"""The doctor: checks everything that the gateway depends on, and reports each result with a remedy.

`database`, `distance`, `vacuum`, `account` and `webhooks` each check one dependency. A check that cannot run is
reported like any other. Nothing is registered, sent or changed, except one harmless receipt in the journal.
"""

from gateway.operations.doctor.checks import Check, Level

__all__ = ["Check", "Level"]
