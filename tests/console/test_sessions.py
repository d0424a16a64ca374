"""Session cookies are signed. They end by time, by logging out, and by a change of a token."""

import pytest

from gateway.console.sessions import SESSION_SECONDS, Role, Sessions


class Clock:
    """A clock that tests set."""

    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def test_another_replica_with_the_same_tokens_accepts_the_session() -> None:
    issued, cookie = Sessions("token", "reader").issue("Ada", Role.OPERATOR)
    assert Sessions("token", "reader").read(cookie) == issued


def test_a_changed_token_ends_every_session() -> None:
    _, cookie = Sessions("token", "reader").issue("Ada", Role.READER)
    assert Sessions("token", "another").read(cookie) is None
    assert Sessions("another", "reader").read(cookie) is None


def test_without_a_token_no_other_process_accepts_the_session() -> None:
    _, cookie = Sessions(None, None).issue("local", None)
    assert Sessions(None, None).read(cookie) is None


def test_a_session_expires() -> None:
    clock = Clock()
    sessions = Sessions("token", clock=clock)
    _, cookie = sessions.issue("Ada", Role.OPERATOR)
    clock.now += SESSION_SECONDS - 1
    assert sessions.read(cookie) is not None
    clock.now += 1
    assert sessions.read(cookie) is None


def test_a_session_ends_when_it_is_logged_out() -> None:
    sessions = Sessions("token")
    session, cookie = sessions.issue("Ada", Role.OPERATOR)
    other, kept = sessions.issue("Grace", Role.OPERATOR)
    sessions.revoke(session)
    assert sessions.read(cookie) is None
    assert sessions.read(kept) == other


@pytest.mark.parametrize(
    "corrupt", [lambda c: c[1:], lambda c: c + "x", lambda c: "", lambda c: "é.é", lambda c: "a.b.c"]
)
def test_an_invalid_cookie_is_rejected(corrupt: object) -> None:
    sessions = Sessions("token")
    _, cookie = sessions.issue("Ada", Role.OPERATOR)
    assert sessions.read(corrupt(cookie)) is None  # type: ignore[operator]


def test_a_forged_role_is_rejected() -> None:
    sessions = Sessions("token")
    _, reader = sessions.issue("Ada", Role.READER)
    _, operator = sessions.issue("Ada", Role.OPERATOR)
    assert sessions.read(operator.split(".")[0] + "." + reader.split(".")[1]) is None


def test_each_session_has_its_own_csrf_token() -> None:
    sessions = Sessions("token")
    first, second = sessions.issue("Ada", Role.OPERATOR)[0], sessions.issue("Ada", Role.OPERATOR)[0]
    assert sessions.csrf(first) == sessions.csrf(first)
    assert sessions.csrf(first) != sessions.csrf(second)
