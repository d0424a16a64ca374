"""What an operation says when it cannot be done."""


class NotPossible(Exception):
    """What was asked cannot be done; the message is a sentence for the operator, without a number or a text."""
