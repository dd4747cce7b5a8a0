"""Texts copied from the page: for a colleague, for a bug tracker, for a test."""

import ast
import json
import re

import pytest
from click.testing import CliRunner
from playwright.async_api import expect

from poker_signal.cli.main import main
from tests.handshakes.scenes import GAME, HOST, Scene, candidate
from tests.inspector.inspected import Inspected

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def copied(inspected: Inspected, player: str, button: str) -> str:
    """Press a button of a card; return the text on the clipboard."""
    await inspected.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    # The newest attempt, if there are several.
    card = inspected.card(f"{player} → HOST").first
    await card.get_by_role("button", name=button).click()
    await expect(card.get_by_text("Copied")).to_be_visible()
    text: str = await inspected.page.evaluate("navigator.clipboard.readText()")
    return text


async def test_a_bug_report_holds_verdict_and_diagram_and_no_address(inspected: Inspected) -> None:
    """A report has verdict and diagram, but no address, because strangers may read it."""
    await inspected.open_recording(Scene().complete())
    report = await copied(inspected, "Alice", "Copy report")
    assert report.startswith("## Signaling is complete")
    assert "```mermaid\nsequenceDiagram" in report
    assert "| poker-signal |" in report
    (version,) = re.findall("Chrome/[0-9.]+", await inspected.page.evaluate("navigator.userAgent"))
    assert version in report
    assert re.search(r"HOST → Alice offer \| delivered \|", report)
    assert not re.search(r"192\.168|203\.0\.113|ice-pwd|candidate:", report)


@pytest.mark.parametrize("button", ["Copy report", "Mermaid", "pytest"])
async def test_no_copy_holds_an_address_or_a_secret_of_a_peer(
    inspected: Inspected, button: str
) -> None:
    """No copy has an address or secret of a name, type, candidate, description or close reason."""
    name, kind = "8.8.8.8", "x?ticket=SECRET-1"
    scene = Scene().complete(name).send(name, kind, HOST, {"credential": "SECRET-2"})
    payload = candidate("9.9.9.9", "uFrg", "ice-pwd:SECRET-4|*markup*")
    scene.send(name, "ice-candidate", HOST, payload)
    scene.close(name, 4000, "token eyJhbGciOiJI.SECRETSECRET.SECRET_SIG of 2a02::77")
    await inspected.open_recording(scene)
    text = await copied(inspected, name, button)
    assert not re.search(r"8\.8\.8\.8|9\.9\.9\.9|192\.168|SECRET|f2lq1aL5|AA:AA|2a02", text)
    assert "198.51.0.1" in text
    assert "redacted-1" in text
    assert button == "pytest" or "*markup*" not in text


@pytest.mark.parametrize("button", ["Copy report", "Mermaid"])
async def test_no_copy_obeys_a_peer(inspected: Inspected, button: str) -> None:
    """Markdown, HTML, and characters that turn the line are shown, in names, types, candidates."""
    evil = "[x](javascript:alert(1))|<svg/onload=alert(1)>\u202e\u2066"
    scene = Scene().complete("Alice")
    scene.send("Alice", f"t{evil}", HOST, {})
    payload = candidate("9.9.9.9", "uFrg", f"{evil}")
    payload["candidate"] = payload["candidate"].replace("typ host", f"typ {evil.replace(' ', '')}")
    scene.send("Alice", "ice-candidate", HOST, payload)
    scene.close("Alice", 4000, evil)
    await inspected.open_recording(scene)
    text = await copied(inspected, "Alice", button)
    assert "svg" in text
    assert not re.search(r"(?<!\\)\[x|(?<!\\)<svg|[\u202a-\u202e\u2066-\u2069]", text)


async def test_mermaid_has_an_arrow_for_each_row(inspected: Inspected) -> None:
    """The Mermaid text has one arrow for each row, and names are escaped."""
    await inspected.open_recording(Scene().complete("a;b %%{init}"))
    text = await copied(inspected, "a;b %%{init}", "Mermaid")
    lines = text.splitlines()
    assert lines[0] == "sequenceDiagram"
    assert sum("->>" in line for line in lines) == 8
    assert "#59;" in text
    assert "%%" not in text


async def test_the_pytest_is_python_whatever_names_hold(inspected: Inspected) -> None:
    """The copied test is valid Python, even if a name has quotes and backslashes."""
    await inspected.open_recording(Scene().complete('A"\\lice'))
    text = await copied(inspected, 'A"\\lice', "pytest")
    strings = {node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant)}
    assert {'A"\\lice', HOST, GAME, "offer", "answer"} <= strings


def undelivered(scene: Scene, type_: str, who: str = HOST, target: str = "Alice") -> Scene:
    """Let a side send a message that is answered with TARGET_NOT_FOUND."""
    return scene.refuse(who, type_, target, "TARGET_NOT_FOUND", "undelivered")


def fault(scene: Scene, who: str, spec: str, detail: str = "") -> Scene:
    """Add a fault that strikes a connection, or a message to it."""
    scene.add("fault", who, fault=spec, detail=detail)
    return scene


def found_nobody() -> Scene:
    """A fault that was added after the join strikes at each call of the core."""
    scene = Scene().join()
    scene.message(HOST, "offer", "Alice")
    for _ in range(7):
        fault(scene, "Alice", "gone:Alice=90%", "@connections: 410")
    payload = {"code": "TARGET_NOT_FOUND", "type": "offer", "targetId": "Alice"}
    return scene.post(HOST, {"type": "undelivered", "payload": payload})


def lost(scene: Scene, spec: str, times: int) -> Scene:
    """Let a fault drop the host's next offers before the function."""
    for _ in range(times):
        scene.message(HOST, "offer", "Alice", {"sdp": "lost"})
        fault(scene, HOST, spec, "offer")
    return scene


COPIES = {
    "complete": (Scene().complete(), '(await host.expect("answer")).sender == "Alice"'),
    # In a star a player sends a message that is not allowed.
    "star": (
        Scene().complete().refuse("Alice", "offer", HOST, "NOT_ALLOWED"),
        '(await player.expect("error")).code == "NOT_ALLOWED"',
    ),
    "no_host": (
        Scene().connect("Alice").refuse("Alice", "join", HOST, "HOST_NOT_FOUND"),
        '(await player.expect("error")).code == "HOST_NOT_FOUND"',
    ),
    "name_taken": (
        Scene()
        .connect("other", "Alice")
        .connect("Alice")
        .refuse("Alice", "join", HOST, "DUPLICATE_NAME"),
        '(await player.expect("error")).code == "DUPLICATE_NAME"',
    ),
    "nobody_there": (
        undelivered(Scene().connect("Alice"), "offer", "Alice", HOST),
        '(await player.expect("undelivered")).code == "TARGET_NOT_FOUND"',
    ),
    "left_early": (
        undelivered(Scene().join().close("Alice", 1006), "offer"),
        "await player.close()",
    ),
    "left_late": (
        undelivered(Scene().complete().close("Alice", 1001), "ice-candidate"),
        "await player.close(1001)",
    ),
    "host_returned": (
        Scene().join().close(HOST, 1001).connect(HOST).offer().answer(),
        'host = await signal_peer("HOST", GAME)\n    await host.send',
    ),
    "host_left": (
        undelivered(Scene().join().offer().close(HOST, 1006), "answer", "Alice", HOST),
        "await host.close()",
    ),
    "found_nobody": (found_nobody(), 'signal_faults.add("gone:Alice#7")'),
    "lost_twice": (
        lost(Scene().join().offer(), "drop:offer=50%", 2),
        'signal_faults.remove("drop:offer#1")',
    ),
    # The second offer is delivered, not the one that was dropped.
    "lost_at_first": (
        lost(Scene().join(), "drop:offer#1", 1).offer().answer(),
        'lost\\"}, \\"targetId\\": \\"Alice\\"}")\n    await host.send_text(',
    ),
    # The host's network fails; no function is informed.
    "broken": (
        undelivered(fault(Scene().join().offer(), HOST, "ghost:HOST=5s"), "answer", "Alice", HOST),
        'signal_faults.add("ghost:HOST")',
    ),
    # The handlers get no ``$disconnect`` when Alice leaves.
    "missed": (
        undelivered(fault(Scene().join(), "Alice", "miss-disconnect=1/2"), "offer"),
        'signal_faults.add("miss-disconnect#1")\n    await player.close()',
    ),
}
"""Scenes, and a part of the test that is copied from each."""


@pytest.mark.nightly
@pytest.mark.timeout(300)
async def test_the_copied_tests_pass_with_the_plugin(
    inspected: Inspected, pytester: pytest.Pytester
) -> None:
    """Copied tests pass unchanged: they send the same messages and expect the same frames."""
    for name, (scene, says) in COPIES.items():
        settings = {"topology": "star" if name == "star" else "mesh"}
        header = json.dumps({"version": 1, "settings": settings})
        await inspected.page.reload()
        await inspected.open_recording(f"{header}\n{scene.lines()}")
        text = await copied(inspected, "Alice", "pytest")
        assert says in text, name
        pytester.makepyfile(**{f"test_{name}": text})
    done = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    done.assert_outcomes(passed=len(COPIES))


async def test_an_event_file_is_what_effects_takes(inspected: Inspected) -> None:
    """An event copied from a row is valid input of the command ``effects``."""
    scene = Scene().complete()
    await inspected.open_recording(scene)
    join = next(each for each in scene.entries if each.get("type") == "join" and "event" in each)
    join["event"]["requestContext"] |= {"requestTimeEpoch": join["at"]}
    text = await inspected.run("export.js", "m.eventFile(a[0])", {"entries": [join]})
    done = CliRunner().invoke(main, ["effects", "-"], input=text)
    assert done.exit_code == 0, done.output
    assert json.loads(done.output.splitlines()[-1]) == {"statusCode": 200}
