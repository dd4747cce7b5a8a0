"""The page redacts like recordings: the same cases, and texts made of their pieces."""

import json
import random

import pytest

from poker_signal.emulator.recording.redaction import Redaction
from tests.emulator.recording.test_redaction import CASES
from tests.inspector.inspected import Inspected

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

_REDACTED = "a[0].map((text) => new m.Redaction().text(text))"


def mixtures(count: int) -> list[str]:
    """Return texts made of pieces of the cases, the same texts in each run."""
    chance = random.Random(7)
    whole = [case["text"] for case in CASES]
    pieces = [text[start : start + 24] for text in whole for start in range(0, len(text), 9)]
    ends = ["", *' \n\\":./=@xä0\u0661', "\\n", ".local"]
    made = whole + pieces
    return [
        "".join(chance.choice(made) + chance.choice(ends) for _ in range(chance.randint(2, 8)))
        for _ in range(count)
    ]


async def test_the_page_redacts_as_recordings_are_redacted(reader: Inspected) -> None:
    """The page redacts each case like Python, also within JSON and mixed with others."""
    texts = [case["text"] for case in CASES]
    found = await reader.run("redact.js", _REDACTED, texts)
    assert found == [case["redacted"] for case in CASES]
    nested = [json.dumps({"payload": text}) for text in texts]
    nested += [json.dumps({"payload": text}) for text in nested] + mixtures(2000)
    found = await reader.run("redact.js", _REDACTED, nested)
    differing = [
        (text, here, there)
        for text, here in zip(nested, found, strict=True)
        if (there := Redaction().text(text)) != here
    ]
    assert differing == []


async def test_one_copy_has_one_pseudonym_for_one_original(reader: Inspected) -> None:
    """One copy has one pseudonym for each original, also for hundreds of originals."""
    texts = [f"192.168.{i // 250}.{i % 250} {i:x}::77 ice-pwd:{i}" for i in range(600)] * 2
    one = "((redaction) => a[0].map((text) => redaction.text(text)))(new m.Redaction())"
    redaction = Redaction()
    assert await reader.run("redact.js", one, texts) == [redaction.text(text) for text in texts]
