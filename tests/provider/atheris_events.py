"""Coverage-guided fuzzing of the parser, for a long run by hand.

`pip install -e .[fuzz]`, then `python tests/provider/atheris_events.py -atheris_runs=1000000`.

Not part of the suite: libFuzzer ends the process by itself. An exception that leaves `read` is a finding.
"""

import sys
from contextlib import suppress

import atheris

with atheris.instrument_imports(include=["gateway.provider", "gateway.domain"]):
    from gateway.domain.ids import NO_PREFIX
    from gateway.domain.receipt import Event
    from gateway.provider.errors import NotJson
    from gateway.provider.mta.events import read

ADDRESSES = (*Event, None)


def one(data: bytes) -> None:
    """Read one body at one address."""
    if not data:
        return
    with suppress(NotJson):
        receipt = read(data[1:], ADDRESSES[data[0] % len(ADDRESSES)], NO_PREFIX)
        for text in (receipt.external_id, receipt.provider_status, receipt.provider_message_id, receipt.number):
            if text is not None and ("\0" in text or not text.encode()):
                raise AssertionError("Postgres would not take this")


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
