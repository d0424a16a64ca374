"""The words by which a person stops and restarts messages (CTIA Messaging Principles §5.1; the provider's families)."""

STOP = frozenset({"stop", "stopall", "unsubscribe", "cancel", "end", "quit"})
START = frozenset({"start", "yes", "unstop", "resume"})
HELP = frozenset({"help", "info"})


def keyword(text: str) -> str | None:
    """Return `stop`, `start` or `help` if the whole reply is such a word, in any case and punctuation."""
    word = "".join(character for character in text.lower() if character.isalnum())
    if word in STOP:
        return "stop"
    if word in START:
        return "start"
    return "help" if word in HELP else None
