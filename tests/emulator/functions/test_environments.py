"""Functions as processes: environments, results, and programs that misbehave."""

import asyncio
import json
import os
import select
import sys
import textwrap
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from poker_signal.emulator.aws.results import Malformed, NotInvokable, Raised, Result, Running
from poker_signal.emulator.clock import LoopClock, VirtualClock
from poker_signal.emulator.functions import environments
from poker_signal.emulator.functions.environments import ProcessFunction, unstarted
from poker_signal.emulator.functions.lambda_function import Function
from poker_signal.emulator.functions.references import program_of
from poker_signal.emulator.functions.runtime_api import RuntimeApi
from poker_signal.emulator.functions.variables import variables_of

pytestmark = pytest.mark.process

ARGUMENTS = {"simplejson": "", "management": "http://127.0.0.1:1/prod", "hosts": {}}


class Served(NamedTuple):
    """A function that runs, and what a test needs of it."""

    function: ProcessFunction
    api: RuntimeApi

    async def result(self, event: Any = None) -> Result:
        """Invoke the function; wait for the result."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        result = self.function.invoke(event)
        if not isinstance(result, Running):
            return result
        result.then(future.set_result)
        return await asyncio.wait_for(future, 30)

    async def value(self, event: Any = None) -> Any:
        """Invoke the function; return what it returns."""
        result = await self.result(event)
        assert not isinstance(result, Raised | Malformed | NotInvokable), result
        return getattr(result, "value", None)


Serve = Callable[..., Awaitable[Served]]


@pytest.fixture
async def serve(tmp_path: Path) -> AsyncGenerator[Serve, None]:
    """Return a function that starts a function from the text of its file."""
    async with AsyncExitStack() as stack:

        async def serve(
            code: str, file: str = "app.py", clock: Any = None, handler: str = "", **more: Any
        ) -> Served:
            path = tmp_path / file
            path.write_text(textwrap.dedent(code))
            if file == "bootstrap":
                path.chmod(0o755)
            program = program_of(handler or f"{file}:handler", tmp_path)
            function, api = Function(name="f", **more), RuntimeApi()
            await api.start()
            stack.callback(api.stop)

            def setup(address: str) -> dict[str, str]:
                return variables_of(function, program, address, dict(os.environ))

            served = ProcessFunction(function, program, setup, ARGUMENTS, api, clock or LoopClock())
            stack.callback(served.stop)
            return Served(served, api)

        yield serve


async def test_one_environment_has_one_event_at_a_time(serve: Serve) -> None:
    """Globals are safe, also under ten at once: each event is its own when the handler ends."""
    served = await serve("""
        import time
        CURRENT = None
        def handler(event, context):
            global CURRENT
            CURRENT = event
            time.sleep(0.02)
            return [event, CURRENT]
    """, concurrency=3)  # fmt: skip
    values = await asyncio.gather(*(served.value(number) for number in range(10)))
    assert values == [[number, number] for number in range(10)]
    assert len(served.function._environments) <= 3


async def test_one_event_after_the_other_needs_one_environment(
    serve: Serve, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An event that comes just before the runtime asks again does not start a second process."""
    monkeypatch.setattr(environments, "RETURN_S", 30)
    served = await serve("def handler(event, context): return event")
    for number in range(50):
        assert await served.value(number) == number
    assert capfd.readouterr().err.count("cold start") == 1


async def test_an_environment_is_kept_warm_with_lambdas_surroundings(
    serve: Serve, tmp_path: Path
) -> None:
    """Working directory, variables, main thread, event loop and a context that can be changed."""
    (tmp_path / "data.txt").write_text("beside the handler")
    served = await serve("""
        import asyncio, os, signal, threading
        count = 0
        loop = asyncio.new_event_loop()
        def handler(event, context):
            global count
            count += 1
            context.anything = 1
            signal.signal(signal.SIGUSR1, signal.SIG_IGN)
            assert threading.current_thread() is threading.main_thread()
            async def main():
                return open("data.txt").read()
            return [count, loop.run_until_complete(main()), os.environ["AWS_LAMBDA_FUNCTION_NAME"],
                    os.environ["_HANDLER"], os.environ["LAMBDA_TASK_ROOT"] == os.getcwd(),
                    context.memory_limit_in_mb, context.invoked_function_arn,
                    0 < context.get_remaining_time_in_millis() <= 29000]
    """, memory_mb=256)  # fmt: skip
    assert await served.function.start() is None
    for count in (1, 2):
        assert await served.value() == [
            count, "beside the handler", "f", "app.handler", True, "256",
            "arn:aws:lambda:us-west-2:123456789012:function:f", True,
        ]  # fmt: skip


RESULTS = {
    "decimal": ("Decimal('1.50')", 1.5),
    "named tuple": ("[(1, Two(2, None))]", [[1, {"a": 2, "b": None}]]),
    "bytes": ("b'{\"a\": 1}'", {"a": 1}),
    "text of bytes": ("[b'caf\\xc3\\xa9', Decimal(1)]", ["café", 1]),
}


async def test_results_are_written_as_lambdas_runtime_does(serve: Serve) -> None:
    """Decimals are numbers, named tuples objects, bytes text."""
    import simplejson

    folder = str(Path(simplejson.__file__).parents[1])
    served = await serve("""
        import collections, math
        from decimal import Decimal
        Two = collections.namedtuple("Two", "a b")
        def handler(event, context):
            return eval(event)
    """)
    served.function.facts = {**ARGUMENTS, "simplejson": folder}
    for expression, value in RESULTS.values():
        assert await served.value(expression) == value
    for number in ("math.nan", "Decimal('Infinity')"):
        malformed = await served.result(f"{{'statusCode': 200, 'body': {number}}}")
        assert isinstance(malformed, Malformed)
        assert "not JSON" in malformed.why
    for nothing in ("object()", "{1}", "(x for x in '')", "{Decimal(1): 1}", "b'x' * 7_000_000"):
        raised = await served.result(nothing)
        assert isinstance(raised, Raised | Malformed), nothing
    raised = await served.result("'x' * 7_000_000")
    assert isinstance(raised, Raised)
    assert raised.type == "Function.ResponseSizeTooLarge"
    # The environment goes on after each of these.
    assert await served.value("7") == 7


async def test_an_exception_is_the_events_and_an_exit_is_the_environments(
    serve: Serve, capfd: pytest.CaptureFixture[str]
) -> None:
    """Lambda's own words are in the result; the traceback is printed."""
    served = await serve("""
        import os, sys
        count = 0
        def handler(event, context):
            global count
            count += 1
            if event == "raise":
                raise KeyError("body")
            if event == "exit":
                os._exit(3)
            if event == "sys.exit":
                sys.exit(0)
            return count
    """)
    raised = await served.result("raise")
    assert isinstance(raised, Raised)
    assert raised[:2] == ("'body'", "KeyError")
    assert raised.place == (str(served.function.program.root / "app.py"), 8)
    assert await served.value() == 2
    assert await served.result("exit") == Raised(
        "Runtime exited with error: exit status 3", "Runtime.ExitError"
    )
    assert await served.value() == 1
    assert await served.result("sys.exit") == Raised(
        "Runtime exited without providing a reason", "Runtime.ExitError"
    )
    served.function.stop()
    printed = capfd.readouterr().err
    assert "[ERROR] KeyError: 'body'\nTraceback (most recent call last):\n" in printed
    assert "f: Runtime.ExitError: Runtime exited with error: exit status 3\n" in printed
    assert printed.count("f: cold start, ") == 2


async def test_a_timeout_ends_the_environment(serve: Serve, tmp_path: Path) -> None:
    """The function's own timeout kills the process; the next event gets a new one."""
    clock = VirtualClock()
    served = await serve("""
        import os, threading
        def handler(event, context):
            if event == "hang":
                open("started", "w").close()
                threading.Event().wait()
            return os.getpid()
    """, clock=clock, timeout_s=3)  # fmt: skip
    os.mkfifo(tmp_path / "started")
    process = await served.value()
    hanging = asyncio.ensure_future(served.result("hang"))
    await asyncio.to_thread((tmp_path / "started").read_text)
    clock.advance(3)
    assert await hanging == Raised("Task timed out after 3.00 seconds", "Sandbox.Timedout")
    assert await served.value() != process


FAILING = {
    "import": ("import nothing_of_this_name", "Runtime.ImportModuleError",
               "Unable to import module 'app': No module named 'nothing_of_this_name'"),
    "syntax": ("def handler(", "Runtime.UserCodeSyntaxError", "Syntax error in module 'app'"),
    "missing": ("x = 1", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'app'"),
    "no function": ("handler = 1", "Runtime.HandlerNotFound", "is no function but int"),
    "coroutine": ("async def handler(event, context): ...", "Runtime.HandlerNotFound",
                  "is a coroutine function, which Lambda does not await"),
    "raises": ("1 / 0", "ZeroDivisionError", "division by zero"),
    "exits": ("raise SystemExit(3)", "SystemExit", "3"),
    "dies": ("import os; os._exit(4)", "Runtime.ExitError",
             "Runtime exited with error: exit status 4"),
}  # fmt: skip


@pytest.mark.parametrize(("code", "type_", "words"), FAILING.values(), ids=FAILING.keys())
async def test_what_fails_to_start_is_told(
    serve: Serve, tmp_path: Path, code: str, type_: str, words: str
) -> None:
    """The first start says why; an event that comes later fails with the same words."""
    served = await serve(code)
    error = await served.function.start()
    assert error is not None
    assert error.type == type_
    assert words in error.message
    if type_ in {"ZeroDivisionError", "Runtime.UserCodeSyntaxError"}:
        assert str(unstarted("app.py:handler", error, tmp_path)).startswith(
            f"app.py:handler: {tmp_path / 'app.py'}:1: "
        )
    assert await served.result() == error


def test_imports_that_begin_in_another_folder_are_explained() -> None:
    """A file's folder is the root of imports, as on Lambda; the module's name has another root."""
    for message in ("No module named 'src'", "attempted relative import beyond top-level package"):
        error = Raised(f"Unable to import module 'a': {message}", "Runtime.ImportModuleError")
        assert str(unstarted("src/a.py:handler", error, Path("/project/src"))).endswith(
            "; imports begin in /project/src: for /project, the handler is src.a:FUNCTION"
        )


async def test_an_init_that_hangs_is_started_once_more_within_the_timeout(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The start of the emulator goes on after the init phase; the event fails in time."""
    monkeypatch.setattr(environments, "INIT_S", 0.3)
    clock = VirtualClock()
    served = await serve("import threading; threading.Event().wait()", clock=clock, timeout_s=3)
    said: asyncio.Queue[str] = asyncio.Queue()
    monkeypatch.setattr(served.function, "say", said.put_nowait)
    assert await served.function.start() is None
    hanging = asyncio.ensure_future(served.result())
    for _ in range(2):
        assert await said.get() == "init took more than 0.3 s; it starts once more"
    clock.advance(3)
    assert await hanging == Raised("Task timed out after 3.00 seconds", "Sandbox.Timedout")


async def test_output_without_end_stops_nothing(serve: Serve, tmp_path: Path) -> None:
    """A flood is cut, and what a handler forks ends with the environment."""
    served = await serve("""
        import os, subprocess, sys
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
        def handler(event, context):
            for _ in range(200):
                os.write(1, b"x" * 100_000 + b"\\n")
            return child.pid
    """)
    child = os.pidfd_open(await served.value())
    served.function.stop()
    # Readable once the process has ended.
    assert await asyncio.to_thread(select.select, [child], [], [], 30) == ([child], [], [])
    os.close(child)


async def test_a_function_without_permission_is_not_invoked(serve: Serve) -> None:
    """API Gateway answers with 500; no process is started."""
    served = await serve("def handler(event, context): ...", may_be_invoked=False)
    assert await served.result() == NotInvokable()


BOOTSTRAP = f"""\
#!{sys.executable}
import json, os, urllib.error, urllib.request
api = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/"

def post(path, body):
    try:
        return urllib.request.urlopen(api + path, json.dumps(body).encode()).status
    except urllib.error.HTTPError as error:
        return error.code

while True:
    asked = urllib.request.urlopen(api + "invocation/next")
    event, request_id = json.load(asked), asked.headers["Lambda-Runtime-Aws-Request-Id"]
    if event == "wrong":
        assert post("invocation/8476a536-e9f4-11e8-9739-2dfe598c3fcd/response", 1) == 400
    if event == "skip":
        continue
    if event == "big":
        assert post(f"invocation/{{request_id}}/response", "x" * 7_000_000) == 413
        continue
    if event == "fail":
        post(f"invocation/{{request_id}}/error", {{"errorType": "Mine", "errorMessage": "so"}})
        continue
    post(f"invocation/{{request_id}}/response", event)
"""


async def test_any_executable_can_speak_the_runtime_api(serve: Serve) -> None:
    """A wrong request id is refused; an event without a result ends the environment."""
    served = await serve(BOOTSTRAP, "bootstrap", handler="./bootstrap")
    assert await served.value({"a": 1}) == {"a": 1}
    assert await served.value("wrong") == "wrong"
    assert await served.result("fail") == Raised("so", "Mine")
    big = await served.result("big")
    assert isinstance(big, Raised)
    assert big.type == "Function.ResponseSizeTooLarge"
    skipped = await served.result("skip")
    assert isinstance(skipped, Raised)
    assert skipped.type == "Runtime.InvalidState"
    assert await served.value("again") == "again"


async def test_no_other_process_answers_an_event(serve: Serve) -> None:
    """Without the secret path, the Runtime API gives nothing away."""
    served = await serve("def handler(event, context): return event")
    assert await served.value(1) == 1
    reader, writer = await asyncio.open_connection(*served.api._address.split(":"))
    for path in ("/2018-06-01/runtime/invocation/next", "/x/2018-06-01/runtime/invocation/next"):
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert (await reader.readline()).split()[1] == b"403"
        head = await reader.readuntil(b"\r\n\r\n")
        size = int(head.lower().partition(b"content-length: ")[2].split()[0])
        assert json.loads(await reader.readexactly(size))["errorType"] == "AccessDeniedException"
    writer.close()
    await writer.wait_closed()
