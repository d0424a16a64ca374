"""What an operator can find, explain and change: one set of functions for the command line, the console and its API.

Everything here returns frozen values and decides nothing about sending: a replay puts messages where the next claim
finds them, under the claim's own rules. A change records who, when, what, why and which messages in
`smsgw.operator_action`, in its own transaction (promise 8). Nothing here prints, and every count has a limit.
"""


class NotPossible(Exception):
    """The operation cannot be done. The message is for the operator and contains no phone number and no text."""
