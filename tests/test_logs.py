"""No line of a log holds a number, a text or a secret, wherever it was put."""

import json
import logging
from uuid import uuid4

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from gateway import logs
from gateway.logs import REDACTED, redact, redact_text, redaction

SPELLINGS = [
    "+12025550123", "2025550123", "12025550123", "(202) 555-0123", "202-555-0123", "202.555.0123", "+1 202 555 0123",
    "+1 (202) 555-0123", "+442079460123",
]  # fmt: skip
SECRETS = ["s3cr3tValue", "k-live-ABCDEF0123"]


def digits(text: str) -> str:
    return "".join(character for character in text if character.isdigit())


def rendered(event: dict[str, object]) -> str:
    return json.dumps(redaction(None, "info", event), default=str)


def nodes(inner: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    keys = st.sampled_from(["where", "context", "x", "error"])
    return st.lists(inner, min_size=1, max_size=3) | st.dictionaries(keys, inner, min_size=1, max_size=3)


def nested(leaf: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.recursive(leaf, nodes, max_leaves=4)


numbers = st.sampled_from(SPELLINGS)
sentences = st.tuples(
    st.sampled_from(["", "to ", "failed for ", '"', "a="]), numbers, st.sampled_from(["", ".", '"', " ok"])
)


@given(nested(sentences.map("".join)))
def test_a_number_is_nowhere_in_the_line(value: object) -> None:
    line = rendered({"event": "something_failed", "what": value})
    assert "5550123" not in digits(line)
    assert "79460123" not in digits(line)


@given(numbers)
def test_a_number_in_the_event_or_a_key_is_redacted(number: str) -> None:
    line = rendered({"event": f"sent to {number}", number: 1})
    assert "5550123" not in digits(line)
    assert "79460123" not in digits(line)


@pytest.mark.parametrize("number", [2025550123, 12025550123])
def test_a_number_that_is_an_integer_is_redacted(number: int) -> None:
    assert str(number) not in rendered({"event": "x", "where": [number]})


@given(st.text(min_size=8).filter(lambda text: text not in REDACTED))
def test_a_text_under_its_own_name_is_redacted(text: str) -> None:
    for key in ("body", "text", "variables", "raw"):
        assert redact({"outer": {key: {"deep": text}}}) == {"outer": {key: REDACTED}}


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize(
    "sentence",
    [
        "Authorization: Bearer {}",
        "api_key={}",
        "password={} host=x",
        "postgresql://smsgw:{}@db/smsgw",
        "token: {}",
    ],
)
def test_a_credential_in_a_sentence_is_redacted(secret: str, sentence: str) -> None:
    assert secret not in redact_text(sentence.format(secret))


@pytest.mark.parametrize("key", ["mta_api_key", "webhook_secret", "ops_token", "database_url", "authorization"])
def test_a_credential_under_its_own_name_is_redacted(key: str) -> None:
    assert rendered({"event": "x", key: SECRETS[0]}).count(REDACTED) == 1


def test_a_database_error_loses_the_row_it_quotes() -> None:
    error = "new row violates check constraint\nDETAIL:  Failing row contains (1, +12025550123, Your code is 42)."
    assert "Your code" not in redact_text(error)


def test_a_traceback_is_redacted_too() -> None:
    with structlog.testing.capture_logs([structlog.processors.format_exc_info, redaction]) as lines:
        try:
            raise ValueError("cannot send to +12025550123")
        except ValueError:
            structlog.get_logger().exception("broke")
    assert "ValueError" in lines[0]["exception"]
    assert "5550123" not in lines[0]["exception"]


def test_ids_counts_and_times_survive() -> None:
    request = uuid4().hex
    event = {"event": "x", "request_id": request, "message_id": 12345678901, "count": 1234567, "wait": 0.25}
    kept = redaction(None, "info", dict(event))
    assert kept == event


def test_a_library_that_logs_a_number_is_redacted(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json", "info")
    try:
        logging.getLogger("some.library").warning("gave up on %s", "+12025550123")
    finally:
        structlog.reset_defaults()
        logging.getLogger().handlers.clear()
    line = capsys.readouterr().err
    assert "gave up" in line
    assert "5550123" not in line


def test_a_number_beside_an_id_is_redacted() -> None:
    request = uuid4().hex
    line = redact_text(f"+12025550123 went with {request}")
    assert "5550123" not in line
    assert request in line


def test_a_traceback_that_is_really_logged_is_redacted(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json", "info")
    try:
        raise ValueError("cannot send to +12025550123")
    except ValueError:
        structlog.get_logger("fresh").exception("broke")
    finally:
        structlog.reset_defaults()
        logging.getLogger().handlers.clear()
    line = capsys.readouterr().err
    assert "ValueError" in line
    assert "5550123" not in line


def test_an_argument_that_the_driver_quotes_is_redacted() -> None:
    error = "invalid input for query argument $3: 'Your code is 42' (expected int, got str)"
    assert "code" not in redact_text(error)
    assert "argument $3" in redact_text(error)


def test_a_line_end_in_a_value_does_not_begin_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json", "info")
    try:
        structlog.get_logger("fresh").info("x", reason='a\n{"event": "forged"}\r\n')
        logging.getLogger("some.library").warning("a\n%s", "b")
    finally:
        structlog.reset_defaults()
        logging.getLogger().handlers.clear()
    lines = capsys.readouterr().err.splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["x", "a\nb"]
