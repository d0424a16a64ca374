"""Request ids and external ids."""

import re
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.ids import ExternalIds, request_id

moments = st.integers(min_value=0, max_value=2**48 - 1)
random_bits = st.integers(min_value=0, max_value=2**74 - 1)


@given(moments, random_bits)
def test_a_request_id_is_a_version_7_uuid(moment: int, bits: int) -> None:
    made = request_id(moment, bits)
    assert (made.version, made.variant) == (7, "specified in RFC 4122")


@given(moments, random_bits, random_bits)
def test_different_randomness_makes_different_ids(moment: int, one: int, other: int) -> None:
    assert (request_id(moment, one) == request_id(moment, other)) == (one == other)


@given(random_bits, random_bits)
def test_ids_sort_by_time(one: int, other: int) -> None:
    assert request_id(1000, one) < request_id(1001, other)


@given(st.uuids(), st.integers(min_value=0, max_value=32767))
def test_an_external_id_fits_the_narrowest_reading_of_the_documentation(request: UUID, generation: int) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", ExternalIds("p" * 16).make(request, generation))


@given(st.uuids(), st.integers(min_value=0, max_value=9999), st.sampled_from(["", "mine-", "a"]))
def test_an_external_id_is_read_back_only_under_its_own_prefix(request: UUID, generation: int, prefix: str) -> None:
    made = ExternalIds(prefix).make(request, generation)
    assert ExternalIds(prefix).read(made) == (request, generation)
    assert ExternalIds("other-").read(made) == (None, None)


@pytest.mark.parametrize("text", [None, "", "order_42", "f" * 32, "F" * 32 + "-0", "f" * 32 + "-12345"])
def test_an_id_of_another_program_is_not_ours(text: str | None) -> None:
    assert ExternalIds().read(text) == (None, None)
