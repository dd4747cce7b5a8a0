"""Ids have API Gateway's format and are unique."""

import random
import re

import pytest

from poker_signal.emulator.aws.identifiers import Identifiers, is_well_formed


def test_the_kind_of_an_id_shows_at_its_twelfth_character() -> None:
    """The character is C for connections and messages, F for requests, as in all recordings."""
    ids = Identifiers()
    connection_id, request_id, _ = ids.of_handshake(0)
    assert (connection_id[11], request_id[11], ids.request_id()[11]) == ("C", "F", "F")
    request_id, message_id = ids.of_message(connection_id)
    assert (request_id[11], message_id[11:]) == ("F", connection_id[11:])


def test_no_id_comes_twice() -> None:
    """Ids stay unique when the counter wraps around."""
    noise = random.Random(7)
    ids = Identifiers(noise, counter=2**32 - 500)
    connection_id, first_request_id, _ = ids.of_handshake(0)
    made = [made for _ in range(1_000) for made in ids.of_message(connection_id)]
    assert len({*made, connection_id, first_request_id}) == 2_002


def test_a_trace_id_has_the_time_in_it() -> None:
    """A trace id has X-Ray's format."""
    ids, at_ms = Identifiers(), 1_707_503_007_397
    for trace_id in (ids.of_handshake(at_ms)[2], ids.authorizer_ids(at_ms)[1]):
        assert re.fullmatch("Root=1-65c66d9f-[0-9a-f]{24}", trace_id)


@pytest.mark.parametrize("text", ["", "short=", "x" * 16, "OhDyxN6B/AMCJaA=", "OhDyxN6BIAMCJaA=\n"])
def test_what_api_gateway_could_not_have_made_is_malformed(text: str) -> None:
    """@connections answers 400 to a malformed id, not 410."""
    assert not is_well_formed(text)
