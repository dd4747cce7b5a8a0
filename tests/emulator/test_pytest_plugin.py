"""The fixtures, the marker and the report of the pytest plugin, as users see them."""

import subprocess
import sys
import time
from math import inf, nan

import pytest
from websockets.sync.client import connect

from poker_signal.core.model import GameId, PlayerId
from poker_signal.core.tickets import sign
from poker_signal.emulator.testing import (
    ConnectPeer,
    Ended,
    NotHeard,
    Refused,
    SignalClock,
    SignalEmulator,
)

KEYS = {"1": b"a-secret-of-november-with-entropy"}

HANDLER = """
def handler(event, context):
    return {"statusCode": 418 if event["requestContext"]["eventType"] == "CONNECT" else 200}
"""


@pytest.fixture
def inner(pytester: pytest.Pytester) -> pytest.Pytester:
    """A user's project, with a folder called ``core``."""
    pytester.makeini(
        "[pytest]\nasyncio_mode = strict\nasyncio_default_fixture_loop_scope = function\n"
        # Plugins were imported in this process before assertions could be rewritten.
        "filterwarnings =\n error\n ignore:Module already:pytest.PytestAssertRewriteWarning"
    )
    pytester.mkpydir("core").joinpath("rules.py").write_text("BLINDS = 2\n")
    return pytester


ARGUMENTS = ("-p", "no:cacheprovider", "-p", "no:randomly")


async def test_peers_shake_hands(signal_peer: ConnectPeer) -> None:
    """A WebRTC handshake takes one line per message."""
    host, alice = await signal_peer("HOST"), await signal_peer("Alice")
    await alice.send("join", payload={"playerName": "Alice"}, id="1")
    assert (await host.expect("join", sender="Alice")).payload == {"playerName": "Alice"}
    assert (await alice.expect("ack")).body["id"] == "1"
    await host.send("offer", "Alice", {"sdp": "v=0"})
    assert (await alice.expect("offer", sender="HOST")).payload == {"sdp": "v=0"}
    assert [frame.type for frame in alice.heard] == ["ack", "offer"]


def test_a_test_without_an_event_loop_can_use_it(signal_emulator: SignalEmulator) -> None:
    """The emulator does not need an event loop of the test."""
    with connect(f"{signal_emulator.url}?playerId=Alice&gameId=G") as alice:
        alice.send('{"type":"ping"}')
        assert alice.recv(timeout=10) == '{"type":"pong"}'
    assert signal_emulator.url == f"ws://127.0.0.1:{signal_emulator.port}/prod"
    assert signal_emulator.management_url == f"http://127.0.0.1:{signal_emulator.port}/prod"


async def test_ten_minutes_pass_at_once(
    signal_peer: ConnectPeer, signal_clock: SignalClock
) -> None:
    """No more time passes than the test says."""
    alice = await signal_peer("Alice")
    before_ms = signal_clock.now_ms()
    signal_clock.advance(599.9)
    await alice.expect_nothing()
    signal_clock.advance(599.9)
    await alice.expect_nothing()
    signal_clock.advance(600)
    assert await alice.expect_close() == 1001
    assert signal_clock.now_ms() == before_ms + 1_799_800
    for seconds, says in ((-0.001, "backwards"), (nan, "backwards"), (inf, "for ever")):
        with pytest.raises(ValueError, match=f"does not run {says}"):
            signal_clock.advance(seconds)
    signal_clock.advance(0)


@pytest.mark.signal_emulator(topology="star", max_message_bytes=1000)
class TestOptions:
    """Options of a test take precedence over those of its class."""

    async def test_of_the_class(self, signal_peer: ConnectPeer) -> None:
        """Options of the class apply, here that of ``--topology star``."""
        alice = await signal_peer("Alice")
        await alice.send("offer", "Bob")
        assert (await alice.expect()).code == "NOT_ALLOWED"

    @pytest.mark.signal_emulator(topology="mesh")
    async def test_of_the_test(self, signal_peer: ConnectPeer) -> None:
        """The other options of the class still apply."""
        alice = await signal_peer("Alice")
        await alice.send("offer", "Bob")
        assert (await alice.expect()).code == "TARGET_NOT_FOUND"
        await alice.send_text("x" * 1001)
        assert await alice.expect_close() == 1009
        with pytest.raises(Ended):
            await alice.send("ping")


@pytest.mark.signal_emulator(ticket_keys=KEYS)
async def test_players_show_tickets(signal_peer: ConnectPeer) -> None:
    """Without a ticket, a player gets the status that a real client would get."""
    with pytest.raises(Refused, match="refused with 401: A ticket is needed") as refused:
        await signal_peer("Alice", "TABLE1")
    assert refused.value.status == 401
    assert refused.value.said.startswith("A ticket is needed")
    good = sign(KEYS, "1", GameId("TABLE1"), PlayerId("Alice"), int(time.time()) + 60)
    alice = await signal_peer("Alice", "TABLE1", ticket=good)
    await alice.expect_nothing()


async def test_a_session_takes_over_and_what_happened_can_be_looked_at(
    signal_emulator: SignalEmulator, signal_peer: ConnectPeer
) -> None:
    """The trace has the format of docs/trace.md."""
    old = await signal_peer("Alice", session="secret-of-alice")
    alice = await signal_peer("Alice", session="secret-of-alice")
    assert await old.expect_close() == 1000
    assert (old.close_code, old.close_reason) == (1000, "Connection Closed Normally")
    await alice.abort()
    assert await alice.expect_close() == 1006
    opened, _ = [entry for entry in signal_emulator.trace() if entry["kind"] == "opened"]
    assert (opened["playerId"], opened["gameId"]) == ("Alice", "GAME01")


async def test_what_does_not_come_is_told_with_what_came(signal_peer: ConnectPeer) -> None:
    """The traceback does not show the emulator's thread."""
    alice = await signal_peer("Alice")
    await alice.send("join")
    await alice.send("ping")
    await alice.expect("pong")
    with pytest.raises(NotHeard, match="HOST_NOT_FOUND") as caught:
        await alice.expect("offer", sender="HOST", within=0.01)
    assert all("concurrent" not in str(entry.path) for entry in caught.traceback)
    assert str(caught.value).startswith("awaited “offer” from “HOST” within 0.01 s; heard {")
    assert [frame.code for frame in caught.value.heard] == ["HOST_NOT_FOUND"]


def test_a_handler_of_ones_own(inner: pytest.Pytester) -> None:
    """The handler is relative to the project, with routes; or there is a whole configuration.

    It is an error to request the clock after the emulator has started.
    """
    inner.makepyfile(hello=HANDLER)
    inner.makefile(
        ".toml",
        api='[functions.f]\nhandler = "hello.py:handler"\n[routes]\n"$connect" = {function = "f"}',
    )
    inner.makepyfile(
        """
        import pytest
        from poker_signal.emulator.testing import Refused

        calls = []

        def hello(event, context):
            calls.append(event)
            return {"statusCode": 418}

        @pytest.mark.signal_emulator(handler=hello)
        @pytest.mark.asyncio
        async def test_of_the_module_itself(signal_peer):
            with pytest.raises(Refused):
                await signal_peer("Alice")
            assert len(calls) == 1

        @pytest.mark.asyncio
        @pytest.mark.parametrize("options", [
            pytest.param(1, marks=pytest.mark.signal_emulator(handler="hello.py:handler")),
            pytest.param(2, marks=pytest.mark.signal_emulator(config="api.toml")),
        ])
        async def test_it(options, signal_peer):
            with pytest.raises(Refused) as refused:
                await signal_peer("Alice")
            assert refused.value.status == 418

        def test_late(signal_emulator, request):
            request.getfixturevalue("signal_clock")
        """
    )
    result = inner.runpytest_inprocess(*ARGUMENTS)
    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines(["*signal_clock comes too late: make it an argument*"])


@pytest.mark.process
@pytest.mark.aws
def test_a_handler_in_its_own_process_has_tls_tables_and_variables(
    inner: pytest.Pytester,
) -> None:
    """A handler posts to https://{domainName}/{stage}; a callable finds the table as well."""
    inner.makepyfile(
        chat="""
        import os
        import boto3

        def handler(event, context):
            table = boto3.resource("dynamodb").Table(os.environ.get("TABLE", "rows"))
            context = event["requestContext"]
            if context["eventType"] == "CONNECT":
                table.put_item(Item={"id": context["connectionId"], "pid": os.getpid()})
            elif context["eventType"] == "MESSAGE":
                url = f"https://{context['domainName']}/{context['stage']}"
                if "join" in event["body"]:
                    url = None
                row = table.get_item(Key={"id": context["connectionId"]})["Item"]
                boto3.client("apigatewaymanagementapi", endpoint_url=url).post_to_connection(
                    ConnectionId=context["connectionId"], Data='{"type":"%d"}' % row["pid"]
                )
            return {"statusCode": 200}
        """
    )
    inner.makepyfile(
        """
        import os
        import chat
        import pytest

        AWS = {"dynamodb": "moto", "tables": {"rows": {"key": "id"}}}

        @pytest.mark.signal_emulator(
            handler="chat.py:handler", tls=True, environment={"TABLE": "rows"}, **AWS
        )
        @pytest.mark.asyncio
        async def test_process(signal_emulator, signal_peer):
            assert signal_emulator.url.startswith("wss://")
            assert signal_emulator.authority.is_file()
            peer = await signal_peer("Alice")
            await peer.send("hello")
            assert int((await peer.expect()).type) != os.getpid()

        @pytest.mark.signal_emulator(handler=chat.handler, **AWS)
        @pytest.mark.asyncio
        async def test_callable(signal_peer):
            peer = await signal_peer("Alice")
            await peer.send("join")
            assert (await peer.expect()).type == str(os.getpid())
            assert "AWS_ENDPOINT_URL_DYNAMODB" in os.environ

        def test_the_environment_is_restored():
            assert "AWS_ENDPOINT_URL_DYNAMODB" not in os.environ
        """
    )
    result = inner.runpytest_inprocess(*ARGUMENTS)
    result.assert_outcomes(passed=3)


WRONG = {
    "topologie='star'": "there is no option 'topologie'; did you mean 'topology'?",
    "'star'": "options need names: 'star' has none",
    "handler='nothing.py:handler'": "*nothing.py: no such file",
    "handler=wait": "*a coroutine function, which Lambda does not await; *",
}


def test_a_wrong_option_is_told_in_one_line(inner: pytest.Pytester) -> None:
    """The line suggests a valid option, without a traceback of the plugin."""
    tests = [
        f"@pytest.mark.signal_emulator({options})\ndef test_{number}(signal_emulator): pass\n"
        for number, options in enumerate(WRONG)
    ]
    inner.makepyfile("import pytest\nasync def wait(event, context): pass\n" + "".join(tests))
    result = inner.runpytest_inprocess(*ARGUMENTS)
    result.assert_outcomes(errors=len(WRONG))
    for says in WRONG.values():
        result.stdout.fnmatch_lines([f"@pytest.mark.signal_emulator: {says}"])
    assert "testing/" not in result.stdout.str()
    assert "exception" not in result.stdout.str()


def test_a_failure_shows_who_said_what_and_who_heard_it(inner: pytest.Pytester) -> None:
    """The report has its own section, also in strict mode, and next to a folder called core."""
    inner.makepyfile(
        """
        import pytest
        from core.rules import BLINDS

        @pytest.mark.asyncio
        async def test_it(signal_peer, signal_clock):
            assert BLINDS == 2
            host, alice = await signal_peer("HOST"), await signal_peer("Al\\u202eice")
            await alice.send("join", payload="x" * 1000)
            await host.expect("join")
            signal_clock.advance(1.25)
            await alice.send("answer", "Bob")
            await alice.expect("offer", within=1)

        def test_without_a_fixture():
            assert 1 == 2
        """
    )
    result = inner.runpytest_inprocess(*ARGUMENTS)
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        [
            "*NotHeard: awaited “offer” within 1 s; heard *TARGET_NOT_FOUND*",
            "*- signaling transcript -*",
            "ws://127.0.0.1:*/prod",
            "       s     +ms     game      from → to *type *bytes  outcome",
            "   1.25*  +125*  →  GAME01    Al\\u202eice → Bob *answer * TARGET_NOT_FOUND",
            "HOST in GAME01 heard:",
            '   0.00*  {"type":"join","senderId":"Al\\u202eice",*xxx…',
            "Al\\u202eice in GAME01 heard:",
            '   1.25*  {"type":"undelivered",*(not expected so far)',
        ]
    )
    assert result.stdout.str().count("signaling transcript") == 1


def test_a_fault_that_never_struck_fails_its_test(inner: pytest.Pytester) -> None:
    """The test did not test what it says; a test that failed by itself shows its own error."""
    inner.makepyfile(
        """
        import pytest

        def test_missing(signal_faults):
            signal_faults.add("drop:offer#1")

        @pytest.mark.signal_emulator(faults=["gone:Alice"])
        def test_of_the_marker(signal_emulator):
            pass

        def test_optional(signal_faults):
            signal_faults.add("drop:offer#1", must_strike=False)

        @pytest.mark.xfail(strict=True)
        def test_expected(signal_faults):
            signal_faults.add("drop:offer#1")

        def test_failed(signal_faults):
            signal_faults.add("drop:offer#1")
            assert 1 == 2

        @pytest.mark.asyncio
        async def test_struck(signal_peer, signal_faults):
            signal_faults.add("drop:ping")
            await (await signal_peer("Alice")).send("ping")
        """
    )
    result = inner.runpytest_inprocess(*ARGUMENTS)
    result.assert_outcomes(failed=3, passed=2, xfailed=1)
    result.stdout.fnmatch_lines(
        [
            "drop:offer#1 never struck: 0 messages of type offer were sent",
            "gone:Alice never struck: 0 requests about Alice were made to @connections",
            "*assert 1 == 2",
        ]
    )
    assert "never struck: 0 messages" in result.stdout.str()
    assert "pytest_plugin.py" not in result.stdout.str()


def test_a_failure_of_the_app_does_not_begin_with_the_source_of_asyncio(
    inner: pytest.Pytester,
) -> None:
    """The traceback ends at the call that failed; ``--full-trace`` shows all."""
    inner.makepyfile(
        """
        import asyncio
        import pytest

        async def answer():
            await asyncio.Event().wait()

        @pytest.mark.asyncio
        async def test_the_app_answers(signal_emulator):
            await asyncio.wait_for(answer(), 0.01)
        """
    )
    for options, shows in (((), False), (("--full-trace",), True)):
        result = inner.runpytest_inprocess(*ARGUMENTS, *options)
        result.assert_outcomes(failed=1)
        text = result.stdout.str().partition("signaling transcript")[0]
        assert ("async def wait_for" in text) == shows
        assert "await asyncio.wait_for(answer(), 0.01)" in text
        assert "TimeoutError" in text


@pytest.mark.process
def test_nothing_is_imported_before_a_fixture_is_used() -> None:
    """Every pytest run in an environment with poker-signal pays for the plugin's imports."""
    code = (
        "import sys, pytest, asyncio\n"
        "before = set(sys.modules)\n"
        "import poker_signal.emulator.pytest_plugin\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    new = set(done.stdout.split())
    assert new <= {
        "poker_signal",
        "poker_signal.emulator",
        "poker_signal.emulator.pytest_plugin",
        "__future__",
    }
