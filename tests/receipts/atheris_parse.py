"""Coverage-guided fuzzing of the parser, for a long run by hand.

`pip install -e .[fuzz]`, then `python tests/receipts/atheris_parse.py -atheris_runs=1000000`.

Not part of the suite: libFuzzer ends the process by itself. An exception that leaves `parse` is a finding.
"""

import sys
from contextlib import suppress

import atheris

with atheris.instrument_imports(include=["gateway.receipts", "gateway.domain"]):
    from gateway.receipts.parse import EVENTS, NotJson, parse

ADDRESSES = (*EVENTS, None)


def one(data: bytes) -> None:
    """Read one body at one address."""
    if not data:
        return
    with suppress(NotJson):
        receipt = parse(data[1:], ADDRESSES[data[0] % len(ADDRESSES)])
        for text in (receipt.external_id, receipt.status, receipt.provider_message_id, receipt.number):
            if text is not None and ("\0" in text or not text.encode()):
                raise AssertionError("Postgres would not take this")


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
