"""The wire protocol: messages of clients, and frames for them."""

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from poker_signal.core import messages
from poker_signal.core.configuration import MAX_FRAME_BYTES
from poker_signal.core.errors import (
    DuplicateName,
    HostNotFound,
    HostProtected,
    InvalidConnect,
    InvalidJoin,
    InvalidMessage,
    NotAllowed,
    NotConnected,
    RateLimited,
    SignalError,
    TargetNotFound,
    UnknownType,
)
from poker_signal.core.model import HOST, PlayerId, Signal
from tests.core.build import AT, json_values, message, row, signal
from tests.support import tiers

ALICE = row("Alice")
BOB = PlayerId("Bob")

PAYLOADS = {
    "null": "null",
    "true": "true",
    "empty text": '""',
    "key order": '{"b":1,"a":2}',
    "duplicate keys": '{"a":1,"a":2}',
    "its own senderId": '{"senderId":"HOST","type":"join"}',
    "spaces": "[ 1 ,\t2,\n3 ]",
    "1e400": "1e400",
    "5000 digits": "9" * 5000,
    "5000 digits deep inside": '{"a":[-' + "8" * 5000 + "]}",
    "negative zero": "-0",
    "trailing zeros": "1.500",
    "long fraction": "0.12345678901234567890123",
    "escapes": r'"\u00e4\/\b\f\"\\"',
    "lone surrogate, escaped": r'"\ud83c"',
    "escaped NUL": r'"\u0000"',
    "emoji": '"🃏 ♠♥♦♣"',
    "line separators": '"\u2028\u2029\x7f"',
    "closing brace in text": '"}],{"',
    "SDP": r'{"type":"offer","sdp":"v=0\r\no=- 46117 2 IN IP4 127.0.0.1\r\n"}',
    "200 levels": "[" * 200 + "]" * 200,
}

NOT_AN_OBJECT = {
    "nothing": "",
    "array": "[]",
    "string": '"join"',
    "number": "7",
    "not closed": '{"type":"join"',
    "not closed after a comma": '{"type":"join",',
    "only opened": "{",
    "two objects": '{"type":"join"}{"type":"join"}',
    "something after it": '{"type":"join"} x',
    "comma after the last member": '{"type":"join",}',
    "comma before the first member": '{,"type":"join"}',
    "no comma": '{"type":"join" "id":"7"}',
    "no colon": '{"type" "join"}',
    "no value": '{"type":}',
    "key without quotes": '{type:"join"}',
    "control character in a text": '{"type":"jo\nin"}',
    "control character in a key": '{"a\nb":1,"type":"join"}',
    "bad escape in a key": r'{"\x":1,"type":"join"}',
    "escaped line feed in a key": '{"\\\n":1,"type":"join"}',
    "byte order mark": '\ufeff{"type":"join"}',
    "no-break space": '\u00a0{"type":"join"}',
    "form feed": '\x0c{"type":"join"}',
    "NaN": '{"type":"join","payload":NaN}',
    "NaN deep inside": '{"type":"join","payload":[{"a":NaN}]}',
    "Infinity": '{"type":"join","payload":Infinity}',
    "negative Infinity": '{"type":"join","payload":-Infinity}',
    "leading zero": '{"type":"join","payload":01}',
    "leading plus": '{"type":"join","payload":+1}',
    "Unicode digits": '{"type":"join","payload":１}',
}

json_members = st.fixed_dictionaries(
    {"type": st.sampled_from(["join", "offer"]) | json_values},
    optional={
        "id": st.text(min_size=1, max_size=64) | json_values,
        "targetId": st.sampled_from(["Bob", " "]) | json_values,
        "payload": json_values,
    },
).flatmap(lambda named: st.dictionaries(st.text(), json_values).map(lambda more: more | named))

# Parts of JSON's grammar, and look-alikes: most texts joined from these are invalid, not all.
json_like = st.lists(
    st.sampled_from(
        [
            *('{"', '"}', '":', ',"', "{", "}", "[", "]", ",", ":", '"'),
            *("0", "1", "-", "1.5", "e9", "null", "true", "NaN", '"type"', '"type":"ping"'),
            *(" ", "\n", "\t", "\f", "\u00a0", "\ufeff", "\x00", "\\", "\\u00e4", "\\ud83c", "é"),
        ]
    ),
    max_size=12,
).map("".join)


def refuse(constant: str) -> None:
    """Refuse NaN and Infinity, as JSON does."""
    raise ValueError(constant)


def loads(text: str) -> Any:
    """Parse JSON by the standard; numbers become floats, which have no digit limit."""
    return json.loads(text, parse_int=float, parse_constant=refuse)


def spaced(value: object, space: str) -> str:
    """Return JSON text with white space wherever it is allowed."""
    text = json.dumps(value, indent=1, separators=(f"{space},{space}", f"{space}:{space}"))
    return f"{space}{text}{space}"


def read(body: str) -> Signal:
    """Read a message that Alice sent."""
    return messages.read(message(ALICE, body))


# --- reading ---


def test_a_message_is_read() -> None:
    """A message has a type, a target, a payload and an id."""
    body = '{"type":"offer","targetId":"Bob","payload":{"sdp":"v=0"},"id":"7"}'
    assert read(body) == Signal(ALICE.connection_id, AT, "offer", BOB, '{"sdp":"v=0"}', "7")
    without = read('{"type":"offer","targetId":"Bob"}')
    assert (without.payload, without.id) == ("null", None)


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)
def test_a_payload_is_passed_on_as_the_client_wrote_it(payload: str) -> None:
    """No number is rounded, no key moved; deployed clients read these three keys of a frame."""
    said = read(f'{{"type":"offer","payload": {payload} ,"targetId":"Bob"}}')
    assert said.payload == payload
    frame = messages.relayed_frame(said, PlayerId("Alice"))
    assert frame == '{"type":"offer","senderId":"Alice","payload":' + payload + "}"


@pytest.mark.parametrize(
    "target",
    ['"targetId":"Bob",', '"targetId":7,', '"targetId":"",', ""],
    ids=["player", "number", "empty", "absent"],
)
def test_a_join_goes_to_the_host_whatever_target_it_names(target: str) -> None:
    """The target of a join is ignored, even if it is not a valid name."""
    assert read(f'{{{target}"type":"join"}}').target_id == HOST


@pytest.mark.parametrize(
    "target",
    [
        *("null", "7", "true", "[]", '{"a":1}', '""', '" "', '"\\n"', '"Bo\\u0000b"', '"\\u0085"'),
        *('"\\ud83c"', f'"{"x" * 129}"'),
    ],
    ids=[
        *("null", "number", "true", "array", "object", "empty", "blank", "line feed", "NUL", "C1"),
        *("lone surrogate", "129 characters"),
    ],
)
def test_what_names_no_possible_player_is_no_target(target: str) -> None:
    """A name that cannot connect cannot be a target."""
    assert read(f'{{"type":"offer","targetId":{target}}}').target_id is None


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ('"Zo\\u00eb \\ud83c\\udccf"', "Zoë 🃏"),
        ('"Zoë 🃏"', "Zoë 🃏"),
        ('" A \\"B\\" "', ' A "B" '),
        (f'"{"🃏" * 128}"', "🃏" * 128),
    ],
    ids=["escaped", "as it is", "quotes and spaces", "128 characters"],
)
def test_a_target_is_the_name_that_was_meant(target: str, name: str) -> None:
    """A name is compared by its characters, with or without JSON escapes."""
    assert read(f'{{"type":"offer","targetId":{target}}}').target_id == name


@pytest.mark.parametrize("key", [r"t\u0079pe", r"\u0074\u0079\u0070\u0065"], ids=["one", "all"])
def test_a_key_may_be_escaped(key: str) -> None:
    """JSON allows escaped keys, and libraries of other languages may write them."""
    assert read(f'{{"{key}":"join"}}').type == "join"
    assert read(f'{{"type":"ping","{key}":"join"}}').type == "join"
    assert read(f'{{"{key}":"join","type":"ping"}}').type == "ping"


def test_of_duplicate_keys_the_last_counts() -> None:
    """The last key counts as in browsers: a gateway that used the first could be deceived."""
    body = (
        '{"type":"ping","targetId":"HOST","payload":1,"id":"1",'
        '"type":"offer","targetId":"Bob","payload":2,"id":"2"}'
    )
    assert read(body) == signal(ALICE, "offer", "Bob", payload="2", id_="2")


@pytest.mark.parametrize("body", NOT_AN_OBJECT.values(), ids=NOT_AN_OBJECT)
def test_what_is_not_a_json_object_is_refused(body: str) -> None:
    """The parser is as strict as the target's parser may be."""
    with pytest.raises(InvalidMessage) as caught:
        read(body)
    assert caught.value.reason == "it is not a JSON object"


@pytest.mark.parametrize(
    "body",
    ["{}", '{"payload":1}', '{"type":null}', '{"type":7}', '{"type":["join"]}', '{"Type":"join"}'],
    ids=["empty", "absent", "null", "number", "array", "upper case"],
)
def test_a_message_without_a_type_is_refused(body: str) -> None:
    """A message needs a type of text; the error carries the message's id."""
    with pytest.raises(InvalidMessage) as caught:
        read(body)
    assert caught.value.reason == "“type” must be a string"
    assert caught.value.message_id is None
    with pytest.raises(InvalidMessage) as caught:
        read(f'{body[:-1]}{"," if body != "{}" else ""}"id":"7"}}')
    assert caught.value.message_id == "7"


@pytest.mark.parametrize(
    "id_",
    ["null", "7", "true", "[]", '""', f'"{"i" * 65}"', f'"{"🃏" * 65}"'],
    ids=["null", "number", "true", "array", "empty", "65 characters", "65 characters beyond BMP"],
)
def test_an_id_that_breaks_the_rule_is_refused(id_: str) -> None:
    """An id must be a short string, because it is sent back unchanged."""
    with pytest.raises(InvalidMessage) as caught:
        read(f'{{"type":"join","id":{id_}}}')
    assert caught.value.reason == "“id” must be a string of 1 to 64 characters"


@pytest.mark.parametrize("id_", ["i", "i" * 64, "🃏" * 64, " "], ids=["1", "64", "emoji", "space"])
def test_an_id_is_anything_short(id_: str) -> None:
    """The server does not interpret an id; any string of 1 to 64 characters is valid."""
    assert read(json.dumps({"type": "join", "id": id_})).id == id_


@pytest.mark.parametrize("key", ['""', '"\\u0061"', '"a"'])
def test_a_message_of_thousands_of_members_costs_no_more_than_one_of_64(key: str) -> None:
    """An honest message has five; the rest is not read."""
    body = "{%s" + ",".join(f"{key}:0" for _ in range(63)) + "}"
    assert read(body % '"type":"ping",').type == "ping"
    with pytest.raises(InvalidMessage, match="more than 64 members"):
        read(body % '"type":"ping","":0,')
    # What follows is not looked at.
    with pytest.raises(InvalidMessage, match="more than 64 members"):
        read(body[:-1] % '"type":"ping","":0,' + ",nonsense")


@pytest.mark.parametrize(
    "payload",
    [
        "[" * 100_000 + "]" * 100_000,
        '{"a":' * 100_000 + "1" + "}" * 100_000,
        "[" * 100_000,
    ],
    ids=["arrays", "objects", "not closed"],
)
def test_a_message_that_is_nested_too_deeply_is_refused(payload: str) -> None:
    """A deeply nested message must not crash the server."""
    with pytest.raises(InvalidMessage) as caught:
        read(f'{{"type":"offer","targetId":"Bob","payload":{payload}}}')
    assert caught.value.reason == "it is nested too deeply"


def assert_judged_as_json_does(text: str) -> None:
    """Assert that our scanner accepts what `json` accepts, with the same members, and no more."""
    try:
        members = loads(text)
    except ValueError:
        members = None
    if not isinstance(members, dict) or not isinstance(members.get("type"), str):
        with pytest.raises(InvalidMessage):
            read(text)
        return
    id_ = members.get("id", "none")
    if not isinstance(id_, str) or not 1 <= len(id_) <= 64:
        with pytest.raises(InvalidMessage, match="“id” must be a string of 1 to 64 characters"):
            read(text)
        return
    found = read(text)
    target = members.get("targetId")
    assert (found.type, found.id) == (members["type"], members.get("id"))
    assert loads(found.payload) == members.get("payload")
    if found.type == "join":
        assert found.target_id == HOST
    else:
        assert found.target_id == (target if messages.is_name(target) else None)


@settings(max_examples=tiers.DIFFERENTIAL)
@given(json_like)
@example('{"type":"ping"}')
@example('{"type":"ping","type":1}')
def test_what_json_refuses_is_refused_and_nothing_else(text: str) -> None:
    """The scanner is neither laxer nor stricter than the parser of the target."""
    assert_judged_as_json_does(text)


@settings(max_examples=max(50, tiers.DIFFERENTIAL // 3))
@given(json_members, st.sampled_from(["", " ", "\r\n\t"]), st.booleans(), st.data())
def test_members_are_what_json_says_and_one_wrong_character_is_judged_as_json_judges_it(
    members: dict[str, Any], space: str, as_ascii: bool, data: st.DataObject
) -> None:
    """The scanner agrees with `json` on valid texts and on texts with one wrong character."""
    assert_judged_as_json_does(spaced(members, space))
    text = json.dumps({"type": "offer", **members}, ensure_ascii=as_ascii)
    assert_judged_as_json_does(text)
    at = data.draw(st.integers(0, len(text)))
    cut = data.draw(st.integers(0, 2))
    wrong = data.draw(st.sampled_from(["", *'"\\{}[],: \n\x00e0']))
    assert_judged_as_json_does(text[:at] + wrong + text[at + cut :])


# --- frames ---


@pytest.mark.parametrize(
    ("name", "quoted"),
    [
        ("Zoë 🃏", '"Zoë 🃏"'),
        ('A "B" \\C', r'"A \"B\" \\C"'),
        ('","type":"pong', r'"\",\"type\":\"pong"'),
        ("a\u2028b", '"a\u2028b"'),
    ],
    ids=["Unicode", "quotes", "JSON", "line separator"],
)
def test_a_senders_name_is_quoted(name: str, quoted: str) -> None:
    """A name is escaped, so that it cannot change the rest of the frame."""
    frame = messages.relayed_frame(signal(ALICE, "offer"), PlayerId(name))
    assert frame == f'{{"type":"offer","senderId":{quoted},"payload":null}}'


@pytest.mark.parametrize("character", ["x", "é", "€", "🃏"], ids=["1", "2", "3", "4"])
def test_a_frame_may_be_as_long_as_api_gateway_posts(character: str) -> None:
    """The limit is 131072 bytes, with one to four bytes per character."""
    empty = len(messages.relayed_frame(signal(ALICE, "offer", payload='""'), ALICE.player_id))
    count, rest = divmod(MAX_FRAME_BYTES - empty, len(character.encode()))
    longest = signal(ALICE, "offer", payload=f'"{"x" * rest}{character * count}"')
    assert len(messages.relayed_frame(longest, ALICE.player_id).encode()) == 131_072
    too_long = signal(ALICE, "offer", payload=f'"{"x" * rest}x{character * count}"')
    with pytest.raises(InvalidMessage) as caught:
        messages.relayed_frame(too_long, ALICE.player_id)
    assert caught.value.reason == "it is longer than 131072 bytes when it is passed on"


UNDELIVERED = (TargetNotFound, NotConnected, DuplicateName, RateLimited)
UNDELIVERED_FRAMES = [
    (
        TargetNotFound(BOB),
        '{"type":"undelivered","payload":{"code":"TARGET_NOT_FOUND",'
        r'"message":"\u201cBob\u201d is not in this game.",',
    ),
    (
        NotConnected(),
        '{"type":"undelivered","payload":{"code":"NOT_CONNECTED",'
        '"message":"You are no longer in this game. Please connect again.",',
    ),
]


@pytest.mark.parametrize("type_", sorted(messages.DIRECTED), ids=str)
@pytest.mark.parametrize(
    ("error", "frame"), UNDELIVERED_FRAMES, ids=[error.code for error, _ in UNDELIVERED_FRAMES]
)
@pytest.mark.parametrize(("id_", "suffix"), [(None, ""), ("7", ',"id":"7"')], ids=["no id", "id"])
def test_a_valid_message_that_did_not_arrive_is_undelivered(
    type_: str, error: SignalError, frame: str, id_: str | None, suffix: str
) -> None:
    """The answer is never an error: a late candidate must not end a live game."""
    late = signal(ALICE, type_, "Bob", id_=id_)
    assert messages.answer_to(late, error) == (
        "undelivered",
        f'{frame}"type":"{type_}","targetId":"Bob"}}{suffix}}}',
    )


@given(
    st.sampled_from(
        [
            *(InvalidConnect("playerId", "there"), HostProtected(), InvalidMessage("no")),
            *(UnknownType(), InvalidJoin(), HostNotFound(), NotConnected(), NotAllowed("No.")),
            RateLimited("Please wait."),
        ]
    )
    | st.builds(DuplicateName, st.text())
    | st.builds(TargetNotFound, st.text()),
    st.sampled_from(sorted(messages.TYPES)) | st.text(),
    st.sampled_from([None, "Bob"]),
    st.none() | st.text(st.characters(codec=None), min_size=1, max_size=64),
)
@example(NotAllowed("No."), "offer", "Bob", None)
def test_any_answer_can_be_sent(
    error: SignalError, type_: str, target_id: str | None, id_: str | None
) -> None:
    """Even an id that cannot be encoded as UTF-8 is sent back unchanged."""
    name, frame = messages.answer_to(signal(ALICE, type_, target_id, id_=id_), error)
    answer = json.loads(frame)
    assert frame == json.dumps(answer, separators=(",", ":"))
    # Pings, joins, and mistakes of the sender, are always answered with an error.
    may_arrive_later = isinstance(error, UNDELIVERED)
    is_directed = type_ in messages.DIRECTED and target_id is not None
    assert name == ("undelivered" if may_arrive_later and is_directed else "error")
    assert answer["type"] == name
    assert answer["payload"]["code"] == error.code
    assert answer["payload"]["message"] == str(error)
    assert answer.get("id") == id_
    assert frame.encode()
    if id_ is not None:
        ack = messages.ack_frame(id_, BOB)
        assert json.loads(ack) == {"type": "ack", "id": id_, "payload": {"targetId": "Bob"}}
        assert ack.encode()


@given(
    type_=st.sampled_from(["join", "offer", "ice-candidate", "ping", "", "joïn"]),
    target_id=st.sampled_from(["Bob", "", " ", "Zoë 🂡", "x" * 129]),
    payload=json_values,
    over=st.booleans(),
)
def test_the_order_of_keys_makes_no_difference(
    type_: str, target_id: str, payload: Any, over: bool
) -> None:
    """The usual order, which is read in one step, gives the same result as any other."""
    members = {"type": type_, "targetId": target_id, "payload": payload}
    orders = [("type", "targetId", "payload"), ("payload", "targetId", "type")]
    usual, unusual = (
        messages.read(message(ALICE, json.dumps({key: members[key] for key in order})))
        for order in orders
    )
    assert usual == unusual
    event = message(ALICE, json.dumps(members))._replace(is_over_limit=over)
    assert messages.read(event).is_over_limit is over


def test_a_report_that_is_nested_too_deeply_is_a_clear_error() -> None:
    """The message itself was read, perhaps with more of the stack left."""
    with pytest.raises(InvalidMessage) as caught:
        messages.report_of("[" * 100_000)

    assert caught.value.reason == "it is nested too deeply"


inserted = st.sampled_from(["", "", *'"}{[]:,\\', "\u2028", "\x00"])


@settings(max_examples=tiers.DIFFERENTIAL // 3)
@given(json_members, st.text(max_size=9).filter(messages.is_name), st.booleans(), st.data())
def test_a_relayed_frame_is_strict_json_with_one_sender(
    members: dict[str, Any], sender: str, is_usual: bool, data: st.DataObject
) -> None:
    """No payload, type or name of a client puts a member into the frame, or ends it early."""
    if is_usual:
        order = ("type", "targetId", "payload")
        members = {key: members[key] for key in order if key in members}
    text = json.dumps(members, ensure_ascii=data.draw(st.booleans()))
    at = data.draw(st.integers(0, len(text)))
    text = f"{text[:at]}{data.draw(inserted)}{text[at:]}"
    try:
        found = read(text)
    except InvalidMessage:
        return
    frame = messages.relayed_frame(found, PlayerId(sender))
    pairs = json.loads(frame, object_pairs_hook=list, parse_int=float, parse_constant=refuse)
    assert [key for key, _ in pairs] == ["type", "senderId", "payload"]
    assert dict(pairs[:2]) == {"type": found.type, "senderId": sender}
