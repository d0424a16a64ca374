"""The doctor: looks at everything that the gateway stands on, and says of each whether it is well, and the mend.

`database`, `vacuum`, `account` and `webhooks` each look at one neighbour; a check that cannot be made is itself a line.
Nothing is registered, sent or changed, but for one harmless receipt in the journal.
"""

from gateway.operations.doctor.checks import Check, Level

__all__ = ["Check", "Level"]
