"""Lambda's Invoke, and the requests of runtimes, as values."""

import json
from collections.abc import AsyncGenerator, Callable

import pytest

from poker_signal.emulator.aws.http import Answer, Request
from poker_signal.emulator.aws.results import NotInvokable, Raised
from poker_signal.emulator.functions.runtime_api import (
    MAX_PAYLOAD_BYTES,
    Outcome,
    RuntimeApi,
    error_of,
)


class Callee:
    """A function that answers with its payload."""

    def __init__(self) -> None:
        self.payloads: list[bytes] = []
        self.outcome: Outcome | None = None
        self.refused: NotInvokable | None = None

    def call(self, payload: bytes, then: Callable[[Outcome], None]) -> NotInvokable | None:
        """End at once."""
        self.payloads.append(payload)
        if self.refused is None:
            then(payload if self.outcome is None else self.outcome)
        return self.refused


class Client:
    """An environment that runs the event ``r1``."""

    def __init__(self) -> None:
        self.ends: list[Outcome] = []

    def next_event(self, reply: Callable[[Answer], None]) -> None:
        """Give an event."""
        reply(Answer(200, b"event"))

    def ended(self, request_id: str, outcome: Outcome) -> bool:
        """Take the end of ``r1``."""
        self.ends.append(outcome)
        return request_id == "r1"

    def init_failed(self, error: Raised) -> None:
        """Take an error of the init phase."""
        self.ends.append(error)


@pytest.fixture
async def api() -> AsyncGenerator[RuntimeApi, None]:
    """A server of the APIs."""
    served = RuntimeApi()
    await served.start()
    yield served
    served.stop()


def ask(api: RuntimeApi, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
    """Return the answer to a request."""
    answers: list[Answer] = []
    named = [(name.replace("_", "-"), value) for name, value in headers.items()]
    api.respond(Request(method, path, named, "127.0.0.1", body=body), answers.append)
    (answer,) = answers
    return answer


def path_of(api: RuntimeApi, function: str) -> str:
    """Return the path of Invoke."""
    return "/" + api.lambda_url.rpartition("/")[2] + f"/2015-03-31/functions/{function}/invocations"


NAMES = ("child", "child:$LATEST", "arn:aws:lambda:us-west-2:123456789012:function:child",
         "arn%3Aaws%3Alambda%3Aus-west-2%3A123456789012%3Afunction%3Achild%3A1",
         "123456789012:function:child")  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
async def test_a_function_has_all_names_that_lambda_takes(api: RuntimeApi, name: str) -> None:
    """A name, a whole ARN or a part of it, with or without a qualifier."""
    api.functions = {"child": Callee()}
    answer = ask(api, "POST", path_of(api, name), b"[1]")
    assert (answer.status, answer.body) == (200, b"[1]")


async def test_invoke_answers_as_lambda_does(api: RuntimeApi) -> None:
    """Events are taken, dry runs checked, errors of the function have a header."""
    callee = Callee()
    api.functions = {"child": callee}
    path = path_of(api, "child")
    assert ask(api, "POST", path, b"1", X_Amz_Invocation_Type="Event").status == 202
    assert ask(api, "POST", path, b"2", X_Amz_Invocation_Type="DryRun").status == 204
    assert ask(api, "POST", path).body == b"{}"
    callee.outcome = Raised("boom", "KeyError")
    failed = ask(api, "POST", path)
    assert ("X-Amz-Function-Error", "Unhandled") in failed.headers
    assert json.loads(failed.body) == {"errorMessage": "boom", "errorType": "KeyError"}
    callee.refused = NotInvokable("throttled")
    assert {ask(api, "POST", path, X_Amz_Invocation_Type=kind).status
            for kind in ("Event", "RequestResponse")} == {429}  # fmt: skip
    assert ask(api, "POST", path, b"x" * (MAX_PAYLOAD_BYTES + 1)).status == 413
    unknown = ask(api, "POST", path_of(api, "grandchild"))
    assert unknown.status == 404
    assert "Function not found: grandchild; there are child" in unknown.body.decode()
    assert callee.payloads == [b"1", b"{}", b"{}", b"{}", b"{}"]


async def test_a_runtime_needs_the_secret_or_the_id_of_its_event(api: RuntimeApi) -> None:
    """Some runtime clients leave a path out of their address; they know the event's id."""
    client = Client()
    path, address = api.add(client)
    assert address.endswith(f"/{path}")
    runtime = "2018-06-01/runtime"
    assert ask(api, "GET", f"/{path}/{runtime}/invocation/next").body == b"event"
    assert ask(api, "POST", f"/{path}/{runtime}/invocation/r1/response", b"1").status == 202
    assert ask(api, "POST", f"/{runtime}/invocation/r1/error", b"{}").status == 202
    assert ask(api, "POST", f"/{runtime}/invocation/r2/response", b"1").status == 400
    assert ask(api, "POST", f"/{path}/{runtime}/init/error", b"{}").status == 202
    big = ask(api, "POST", f"/{path}/{runtime}/invocation/r1/response", b"x" * 7_000_000)
    assert big.status == 413
    assert client.ends[-1] == Raised(
        f"Exceeded maximum allowed payload size ({MAX_PAYLOAD_BYTES} bytes).",
        "Function.ResponseSizeTooLarge",
    )
    for other in (f"/{runtime}/invocation/next", f"/x/{runtime}/invocation/next", "/", "/x/y"):
        assert ask(api, "GET", other).status == 403
    api.remove(path)
    assert ask(api, "GET", f"/{path}/{runtime}/invocation/next").status == 403


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"?", Raised("the runtime reported an error that is not JSON", "Runtime.Unknown")),
        (b"[]", Raised("the runtime reported an error that is not JSON", "Runtime.Unknown")),
        (b'{"errorMessage":"m","errorType":"T"}', Raised("m", "T")),
        (
            b'{"errorMessage":"m","errorType":"T","stackTrace":["  File \\"a.py\\", line 1, in x",'
            b'"  File \\"b.py\\" Line 3"]}',
            Raised("m", "T", ("b.py", 3)),
        ),
    ],
    ids=["text", "list", "error", "traceback"],
)
def test_an_error_of_a_runtime_has_its_place(body: bytes, error: Raised) -> None:
    """The place is that of the innermost frame."""
    assert error_of(body) == error


async def test_no_page_uses_the_api(api: RuntimeApi) -> None:
    """Even one that knows the path or the id of an event."""
    client, callee = Client(), Callee()
    path, _ = api.add(client)
    api.functions = {"child": callee}
    for asked in (f"/{path}/2018-06-01/runtime/invocation/next", path_of(api, "child"),
                  "/2018-06-01/runtime/invocation/r1/response"):  # fmt: skip
        for method in ("GET", "POST"):
            assert ask(api, method, asked, b"1", Origin="null").status == 403
    assert client.ends == callee.payloads == []
