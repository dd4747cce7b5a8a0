"""Join tickets compared with PyJWT: its tickets are accepted, and those it refuses are refused."""

import base64
import hashlib
import hmac
import json
from typing import Any

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poker_signal.core.errors import InvalidTicket, MissingTicket, UnknownTicketKey
from poker_signal.core.messages import is_name
from poker_signal.core.model import GameId, PlayerId
from poker_signal.core.tickets import (
    KEYS_RULE,
    LEEWAY_S,
    MAX_CHARACTERS,
    MAX_LIFETIME_S,
    BadKeys,
    read_keys,
    sign,
    verify,
)
from tests.core.build import AT
from tests.support import tiers

GAME, PLAYER = GameId("4711"), PlayerId("Zoë 🃏")
SECRET = "k" * 16 + "0123456789abcdef"
OTHER = "another-secret-of-32-characters!"
KEYS = {"new": SECRET.encode(), "old": OTHER.encode()}
ONE = {"new": SECRET.encode()}

CLAIMS = {"gameId": GAME, "playerId": PLAYER, "exp": AT + 300}
CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

names = st.text(min_size=1, max_size=40).filter(is_name)


def made(secret: str = SECRET, algorithm: str = "HS256", kid: Any = "new", **claims: Any) -> str:
    """Return a ticket made by PyJWT; claims and a kid that are None are left out."""
    payload = {key: value for key, value in {**CLAIMS, **claims}.items() if value is not None}
    headers = {} if kid is None else {"kid": kid}
    return jwt.encode(payload, secret, algorithm, headers)


def encoded(content: str | bytes) -> str:
    """Return base64url without padding."""
    content = content.encode() if isinstance(content, str) else content
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def signed(header: str | bytes, claims: str | bytes, secret: str = SECRET) -> str:
    """Return a validly signed ticket with any text as header and claims, unlike PyJWT's."""
    return signed_text(f"{encoded(header)}.{encoded(claims)}", secret)


def signed_text(text: str, secret: str = SECRET) -> str:
    """Return a text with a valid signature."""
    return f"{text}.{encoded(hmac.digest(secret.encode(), text.encode(), hashlib.sha256))}"


def refusal(ticket: str | None, keys: dict[str, bytes] = KEYS, at: int = AT) -> str:
    """Return the reason why a ticket is refused."""
    with pytest.raises(InvalidTicket) as refused:
        verify(ticket, keys, GAME, PLAYER, at)
    return refused.value.reason


# Tickets that are accepted


@given(names, names)
def test_pyjwts_tickets_are_accepted(game: str, player: str) -> None:
    """A backend can make tickets for any names without code of ours."""
    verify(made(gameId=game, playerId=player), KEYS, GameId(game), PlayerId(player), AT)


@given(names, names, st.sampled_from([*KEYS]))
def test_pyjwt_accepts_ours(game: str, player: str, kid: str) -> None:
    """PyJWT accepts our tickets and reads the same claims."""
    ticket = sign(KEYS, kid, GameId(game), PlayerId(player), AT + 300)
    assert jwt.get_unverified_header(ticket) == {"alg": "HS256", "kid": kid, "typ": "JWT"}
    claims = jwt.decode(ticket, KEYS[kid], ["HS256"], options={"verify_exp": False})
    assert claims == {"exp": AT + 300, "gameId": game, "playerId": player}
    verify(ticket, KEYS, GameId(game), PlayerId(player), AT)


def test_ours_fits_into_a_url_with_the_longest_names() -> None:
    """A ticket leaves room in the URL for two percent-encoded names of 128 emoji."""
    name = "🃏" * 128
    ticket = sign(KEYS, "new", GameId(name), PlayerId(name), AT + 300)
    assert len(ticket) < MAX_CHARACTERS / 2
    with pytest.raises(KeyError):
        sign(KEYS, "older", GAME, PLAYER, AT)


@pytest.mark.parametrize(
    "ticket",
    [
        made(OTHER, kid="old"),
        made(typ=None, iss="backend", jti="1", sub="42"),
        signed('{"alg":"HS256","kid":"new"}', json.dumps(CLAIMS)),
        signed(' {"kid" : "new", "alg":"HS256" } ', json.dumps(CLAIMS, ensure_ascii=False)),
        made(exp=AT + 300.5),
        made(exp=AT - LEEWAY_S + 1),
        made(exp=AT + MAX_LIFETIME_S + LEEWAY_S),
        made(iat=AT, nbf=AT - 1.5),
        made(iat=AT + LEEWAY_S, nbf=AT + LEEWAY_S),
    ],
    ids=[
        *("rotated", "other claims", "no typ", "spaces", "fraction", "just expired", "an hour"),
        *("iat and nbf", "clocks apart"),
    ],
)
def test_what_is_well_is_accepted(ticket: str) -> None:
    """A ticket may have all that a careful issuer may write."""
    verify(ticket, KEYS, GAME, PLAYER, AT)


def test_a_single_key_needs_no_name() -> None:
    """A single key needs no kid, because many libraries write none by default."""
    verify(made(kid=None), ONE, GAME, PLAYER, AT)
    assert refusal(made(kid=None)) == "it names no key, and there are several"


# Tickets that are refused


@pytest.mark.parametrize("ticket", [None, ""])
def test_none_is_another_mistake_than_a_bad_one(ticket: str | None) -> None:
    """A missing ticket is answered 401, not 403."""
    with pytest.raises(MissingTicket):
        verify(ticket, KEYS, GAME, PLAYER, AT)


@pytest.mark.parametrize("kid", ["older", "", "NEW", "🃏", "x" * 2000])
def test_an_unknown_key_is_told_apart(kid: str) -> None:
    """An unknown kid has its own error, so that the host can read the keys again."""
    with pytest.raises(UnknownTicketKey):
        verify(made(kid=kid), KEYS, GAME, PLAYER, AT)


NOT_SIGNED = "it is not a signed JSON Web Token"
NOT_OURS = "its signature is not ours"
NO_OBJECT = "a part of it is not a JSON object"
NO_NUMBER = "its exp is not a number"
EXPIRED = "it has expired"
FAR = "its exp is more than an hour away"
ALGORITHM = "its alg is not HS256"
HEADER = "its header has more than alg, kid and typ JWT"
SPELLING = "it is not spelt as base64url must be"

GOOD = made()
HEAD, BODY, SIGNATURE = GOOD.split(".")
PLAIN = '{"alg":"HS256","kid":"new"} '


def with_claims(text: str) -> str:
    """Return a ticket with claims as text."""
    return signed(PLAIN, text)


def with_exp(text: str) -> str:
    """Return a ticket whose exp is the given JSON text."""
    return with_claims(f'{{"gameId":"4711","playerId":"Zoë 🃏","exp":{text}}}')


def respelt(part: str) -> str:
    """Return base64url of the same content, with unused bits in the last character."""
    assert len(part) % 4 != 0
    return part[:-1] + CHARACTERS[CHARACTERS.index(part[-1]) + 1]


REFUSED = {
    "another game": (made(gameId="4712"), "it is for another game"),
    "another player": (made(playerId="Zoe 🃏"), "it is for another player"),
    "decomposed": (made(playerId="Zoe\u0308 🃏"), "it is for another player"),
    "a surrogate": (made(playerId="Zoë \ud83c"), "it is for another player"),
    "another audience": (made(aud="chat"), "it is for another audience"),
    "alg none": (jwt.encode(CLAIMS, "", "none", {"kid": "new"}), NOT_SIGNED),
    "alg none, signed": (signed('{"alg":"none","kid":"new"}', json.dumps(CLAIMS)), ALGORITHM),
    "alg a list": (signed('{"alg":["HS256"],"kid":"new"}', json.dumps(CLAIMS)), ALGORITHM),
    "HS384": (made(SECRET * 2, "HS384"), NOT_SIGNED),
    "HS512 by its header": (signed('{"alg":"HS512","kid":"new"}', json.dumps(CLAIMS)), ALGORITHM),
    "wrong key": (made("w" * 32), NOT_OURS),
    "another's key": (made(OTHER), NOT_OURS),
    "no header": (f"{BODY}.{SIGNATURE}", NOT_SIGNED),
    "no signature": (f"{HEAD}.{BODY}", NOT_SIGNED),
    "empty signature": (f"{HEAD}.{BODY}.", NOT_SIGNED),
    "signature cut": (GOOD[:-1], NOT_SIGNED),
    "signature twice": (f"{GOOD}.{SIGNATURE}", NOT_SIGNED),
    "parts swapped": (f"{BODY}.{HEAD}.{SIGNATURE}", ALGORITHM),
    "JSON": (json.dumps(CLAIMS), NOT_SIGNED),
    "padded": (f"{HEAD}.{BODY}.{SIGNATURE}=", NOT_SIGNED),
    "padded header": (signed_text(f"{HEAD}==.{BODY}"), NOT_SIGNED),
    "base64, not url": (f"{HEAD}.{BODY}.{'+' * 43}", NOT_SIGNED),
    "a line feed": (f"{GOOD}\n", NOT_SIGNED),
    "a surrogate in it": (f"{HEAD}.{BODY}.\ud83c{SIGNATURE[1:]}", NOT_SIGNED),
    "too long": (made(more="x" * MAX_CHARACTERS), NOT_SIGNED),
    "signature respelt": (f"{HEAD}.{BODY}.{respelt(SIGNATURE)}", NOT_OURS),
    "header respelt": (signed_text(f"{respelt(encoded(PLAIN))}.{BODY}"), SPELLING),
    "impossible length": (signed_text(f"{HEAD}A.{BODY}"), NO_OBJECT),
    "header no JSON": (signed("{", json.dumps(CLAIMS)), NO_OBJECT),
    "header not UTF-8": (signed(b"\xff\xff\xff", json.dumps(CLAIMS)), NO_OBJECT),
    "header nested": (signed("[" * 1500, json.dumps({})), NO_OBJECT),
    "header with two algs": (
        signed('{"alg":"none","alg":"HS256","kid":"new"}', json.dumps(CLAIMS)),
        NO_OBJECT,
    ),
    "header and more": (signed(f"{PLAIN} {PLAIN}", json.dumps(CLAIMS)), NO_OBJECT),
    "typ JWS": (signed('{"alg":"HS256","typ":"JWS","kid":"new"}', json.dumps(CLAIMS)), HEADER),
    "crit": (signed('{"alg":"HS256","crit":["x"],"kid":"new"}', json.dumps(CLAIMS)), HEADER),
    "b64": (signed('{"alg":"HS256","b64":false,"kid":"new"}', json.dumps(CLAIMS)), HEADER),
    "zip": (signed('{"alg":"HS256","zip":"DEF","kid":"new"}', json.dumps(CLAIMS)), HEADER),
    "kid a number": (signed('{"alg":"HS256","kid":1}', json.dumps(CLAIMS)), "its kid is not text"),
    "kid a list": (signed('{"alg":"HS256","kid":["new"]}', "{}"), "its kid is not text"),
    "claims no JSON": (with_claims("4711"), NO_OBJECT),
    "claims a list": (with_claims('["4711"]'), NO_OBJECT),
    "claims not UTF-8": (signed(PLAIN, b'{"gameId":"\xff"}'), NO_OBJECT),
    "two games": (
        with_claims(f'{{"gameId":"x","gameId":"4711","playerId":"Zoë 🃏","exp":{AT + 9}}}'),
        NO_OBJECT,
    ),
    "two keys inside": (with_exp(f'{AT + 9},"x":{{"a":1,"a":2}}'), NO_OBJECT),
    "no exp": (made(exp=None), "it has no exp"),
    "exp null": (with_exp("null"), NO_NUMBER),
    "exp true": (with_exp("true"), NO_NUMBER),
    "exp text": (with_exp(f'"{AT + 300}"'), NO_NUMBER),
    "exp NaN": (with_exp("NaN"), NO_OBJECT),
    "exp Infinity": (with_exp("Infinity"), NO_OBJECT),
    "exp 1e400": (with_exp("1e400"), FAR),
    "exp of 2500 digits": (with_exp("9" * 2500), FAR),
    "expired": (made(exp=AT - LEEWAY_S), EXPIRED),
    "far future": (made(exp=AT + MAX_LIFETIME_S + LEEWAY_S + 1), FAR),
    "exp in ms": (made(exp=(AT + 300) * 1000), FAR),
    "nbf ahead": (made(nbf=AT + LEEWAY_S + 1), "its nbf is in the future"),
    "iat ahead": (made(iat=AT + LEEWAY_S + 1), "its iat is in the future"),
    "nbf text": (made(nbf="now"), "its nbf is not a number"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_well_is_refused(case: str) -> None:
    """Each refusal has a reason that helps the issuer of tickets."""
    ticket, reason = REFUSED[case]
    assert refusal(ticket) == reason


@pytest.mark.parametrize("case", REFUSED)
def test_no_refusal_quotes_the_ticket(case: str) -> None:
    """A refusal does not quote the ticket, since it goes to the client and the console."""
    ticket, _ = REFUSED[case]
    with pytest.raises(InvalidTicket) as refused:
        verify(ticket, KEYS, GAME, PLAYER, AT)
    parts = [part for part in ticket.split(".") if len(part) > 3]
    assert not any(part in str(refused.value) for part in parts)


@pytest.mark.parametrize("character", CHARACTERS + ".=+/ %\n🃏")
def test_any_changed_character_is_refused(character: str) -> None:
    """Every character counts at every position, and none has two spellings."""
    for position, there in enumerate(GOOD):
        changed = GOOD[:position] + character + GOOD[position + 1 :]
        if character != there:
            assert refusal(changed)


@given(st.integers(0, len(GOOD) - 1), st.text(min_size=1, max_size=9), st.integers(1, len(GOOD)))
def test_anything_inserted_or_left_out_is_refused(position: int, text: str, count: int) -> None:
    """No character is skipped, as base64 decoders often do, and none is optional."""
    assert refusal(GOOD[:position] + text + GOOD[position:])
    assert refusal((GOOD[:position] + GOOD[position + count :]) or ".")


@given(st.text(min_size=1, max_size=200), st.text(max_size=200))
def test_no_text_is_a_mistake_of_ours(header: str, claims: str) -> None:
    """Any text that is signed with the key is refused, without another exception."""
    ticket = signed(header.encode(errors="replace"), claims.encode(errors="replace"))
    assert refusal(ticket)


MANY = st.none() | st.booleans() | st.floats() | st.integers(AT - 9, AT + 9)


@given(
    st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit"]), MANY | st.just("JWT")),
    st.dictionaries(
        st.sampled_from(["gameId", "playerId", "exp", "nbf", "iat", "aud", "sub", "jti"]),
        MANY | st.sampled_from([GAME, PLAYER]),
        max_size=2,
    ),
)
def test_what_we_accept_pyjwt_accepts_as_well(header: Any, claims: Any) -> None:
    """Valid tickets with changed members show that we are stricter than PyJWT, never laxer."""
    header = {"alg": "HS256", "kid": "new"} | header
    ticket = signed(json.dumps(header), json.dumps(CLAIMS | claims))
    try:
        verify(ticket, ONE, GAME, PLAYER, AT)
    except InvalidTicket:
        return
    # PyJWT would compare times with the clock of this test run; we do not check sub and jti.
    ignored = ("exp", "iat", "nbf", "sub", "jti")
    options: Any = {f"verify_{name}": False for name in ignored}
    found = jwt.decode(ticket, SECRET, ["HS256"], options=options)
    assert (found["gameId"], found["playerId"]) == (GAME, PLAYER)


# Keys


def test_keys_are_read_in_their_order() -> None:
    """Keys keep their order, because the first one signs."""
    text = json.dumps({"b": SECRET, "a": OTHER})
    assert [*read_keys(text).items()] == [("b", SECRET.encode()), ("a", OTHER.encode())]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not the JSON of ticket keys (Expecting value at line 1, column 1)"),
        (SECRET, "not the JSON of ticket keys (Expecting value at line 1, column 1)"),
        (f'["{SECRET}"]', "not the JSON of ticket keys (no object)"),
        ("[" * 100_000, "not the JSON of ticket keys (nested too deep)"),
        ('{"a":NaN}', "not the JSON of ticket keys (NaN is not JSON)"),
        (f'{{"a":"{SECRET}","a":"{SECRET}"}}', "not the JSON of ticket keys (a key twice)"),
        ("{}", "no ticket key"),
        (f'{{"":"{SECRET}"}}', "the kid of ticket key 1 cannot be used"),
        (f'{{"a b":"{SECRET}"}}', "the kid of ticket key 1 cannot be used"),
        (f'{{"{"a" * 65}":"{SECRET}"}}', "the kid of ticket key 1 cannot be used"),
        (f'{{"a":"{SECRET[:31]}"}}', "the secret of ticket key 1 is too weak or no text"),
        (f'{{"a":"{SECRET}","b":""}}', "the secret of ticket key 2 is too weak or no text"),
        (f'{{"a":"{SECRET} "}}', "the secret of ticket key 1 is too weak or no text"),
        (f'{{"a":"{SECRET}é"}}', "the secret of ticket key 1 is too weak or no text"),
        (f'{{"a":"{"s" * 513}"}}', "the secret of ticket key 1 is too weak or no text"),
        ('{"a":12345678901234567890123456789012}', "the secret of ticket key 1 is too weak"),
        (f'{{"a":["{SECRET}"]}}', "the secret of ticket key 1 is too weak or no text"),
    ],
)
def test_what_holds_no_keys_is_refused(text: str, says: str) -> None:
    """The error says what to do, and quotes no character of a secret."""
    with pytest.raises(BadKeys) as error:
        read_keys(text)
    said = str(error.value)
    assert said.startswith(says)
    assert said.endswith(KEYS_RULE)
    assert SECRET[:31] not in said


HEADERS = [
    *('{"alg":"HS256","kid":"new"}', '{"alg":"none","kid":"new"}', '{"alg":"hs256","kid":"new"}'),
    *('{"alg":"HS512","kid":"new"}', '{"alg":["HS256"],"kid":"new"}', '{"alg":"HS256"}', "null"),
    *('{"alg":"HS256","kid":"other"}', '{"alg":"HS256","kid":["new"]}', '{"alg":"HS256","kid":""}'),
    *('{"alg":"HS256","alg":"none","kid":"new"}', '{"alg":"HS256","kid":"new","crit":["exp"]}'),
]
VALUES = [
    *map(json.dumps, (GAME, PLAYER, "", "4711 ", "Zoe\u0308 🃏", 4711, None)),
    *(f"{AT + 300}", f"{AT - 300}", "1e400", "NaN", "Infinity", "-0", f"{AT + 10**9}", f"{AT}.5"),
    *(f"{2**70}", '"9999999999"', "{}", "[" * 50 + "]" * 50),
]
NAMES = ["gameId", "playerId", "exp", "nbf", "iat", "aud", "GAMEID", "game\\u0049d"]
RIGHT = [("gameId", json.dumps(GAME)), ("playerId", json.dumps(PLAYER)), ("exp", f"{AT + 300}")]
wrong = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES)), max_size=3)
objects = st.builds(
    lambda kept, more: "{" + ",".join(f'"{name}":{value}' for name, value in kept + more) + "}",
    st.sampled_from([RIGHT, RIGHT, RIGHT[:2], RIGHT[1:], []]),
    wrong | st.just([]),
)
secrets = st.sampled_from([SECRET, SECRET, OTHER, SECRET + "x", SECRET[:-1]])
characters = st.sampled_from([*CHARACTERS[:9], "", ".", "=", "+", "é"])


@settings(max_examples=tiers.DIFFERENTIAL)
@given(
    st.just(HEADERS[0]) | st.sampled_from(HEADERS),
    objects,
    secrets,
    st.integers(0, 400),
    characters,
)
def test_no_forged_ticket_is_accepted(
    header: str, claims: str, secret: str, at: int, character: str
) -> None:
    """A ticket that is accepted is signed with its key, and says so in the plainest of ways."""
    ticket = signed(header, claims, secret)
    forged = ticket[: at % len(ticket)] + character + ticket[at % len(ticket) + 1 :]
    for each in (ticket, forged):
        try:
            verify(each, ONE, GAME, PLAYER, AT)
        except InvalidTicket:
            continue
        # No other text than the signed one, the right key, and one claim of each kind.
        assert each == ticket
        # A single key needs no kid.
        assert header in {HEADERS[0], '{"alg":"HS256"}'}
        assert secret == SECRET
        found = json.loads(claims, object_pairs_hook=list)
        told = dict(found)
        assert len(told) == len(found)
        assert (told["gameId"], told["playerId"]) == (GAME, PLAYER)
        assert AT - LEEWAY_S <= told["exp"] <= AT + MAX_LIFETIME_S + LEEWAY_S
