"""Whose webhook it is."""

import pytest

from gateway.provider.mta.signature import sign, verify

FOX = b"The quick brown fox jumps over the lazy dog"
VECTOR = "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8"


def test_the_standard_vector_fits() -> None:
    assert sign("key", FOX) == VECTOR
    assert verify(["key"], FOX, VECTOR)


def test_either_of_two_secrets_fits_while_they_rotate() -> None:
    assert verify(["new", "key"], FOX, VECTOR)
    assert verify(["key", "new"], FOX, VECTOR)


@pytest.mark.parametrize("given", [None, "", "0" * 64, VECTOR[:-1], f"sha256={VECTOR}", "é" * 64])
def test_anything_else_does_not(given: str | None) -> None:
    assert not verify(["key"], FOX, given)


def test_a_changed_body_does_not_fit() -> None:
    assert not verify(["key"], FOX + b".", VECTOR)


def test_without_a_secret_nothing_is_authentic() -> None:
    assert not verify([], FOX, VECTOR)
    assert not verify([], b"", sign("", b""))
