"""The deployed zip: the same bytes everywhere, and no package that Lambda's runtime lacks."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from infrastructure import lambda_zip
from tests.lambda_app import ENVIRONMENT
from tests.lambda_app.loopback import Endpoint

ROOT = Path(__file__).parents[2]
MAX_ZIP_BYTES = 250_000

RUNTIME = ("boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six", "urllib3")
"""boto3 and its dependencies, the only packages of PyPI in Lambda's runtime."""

NOT_THERE = ("click", "h11", "jsonpath", "moto", "msgspec", "simplejson", "trustme", "websockets")

INVOKE = """
import importlib.util, json, sys
import poker_signal
from poker_signal.lambda_app.handler import handler
response = handler(json.load(sys.stdin), None)
print(json.dumps({
    "response": response,
    "path": [*poker_signal.__path__],
    "modules": sorted(sys.modules),
    "findable": [name for name in sys.argv[1:] if importlib.util.find_spec(name)],
}))
"""


@pytest.fixture(scope="module")
def zipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the zip as ``make lambda.zip`` makes it."""
    path = tmp_path_factory.mktemp("zip") / "build" / "lambda.zip"
    lambda_zip.main(str(path))
    return path


@pytest.fixture
def runtime(tmp_path: Path) -> Path:
    """Return a folder with only the packages of Lambda's runtime."""
    folder = tmp_path / "runtime"
    folder.mkdir()
    for name in RUNTIME:
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        origin = Path(spec.origin)
        source = origin.parent if origin.name == "__init__.py" else origin
        (folder / source.name).symlink_to(source)
    return folder


def test_the_zip_is_small(zipped: Path) -> None:
    """The zip is below its limit, because a cold start downloads it."""
    assert zipped.stat().st_size <= MAX_ZIP_BYTES


@pytest.mark.parametrize("line_end", ["\n", "\r\n"], ids=["Unix", "Windows"])
def test_every_checkout_makes_the_same_bytes(zipped: Path, tmp_path: Path, line_end: str) -> None:
    """Another checkout, with other dates, modes and line ends, makes the same zip."""
    for folder in lambda_zip.FOLDERS:
        for file in sorted((ROOT / folder).rglob("*.py"), reverse=True):
            copy = tmp_path / file.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(file.read_text(encoding="utf-8"), encoding="utf-8", newline=line_end)
            copy.chmod(0o600)
            os.utime(copy, (0, 0))
        (tmp_path / folder / "__pycache__").mkdir()
        (tmp_path / folder / "__pycache__" / "model.pyc").write_bytes(b"compiled")
    assert lambda_zip.zipped(lambda_zip.contents(tmp_path)) == zipped.read_bytes()


def test_the_zip_does_not_depend_on_a_compressor(zipped: Path) -> None:
    """Files are stored: zlib's versions compress the same text to different bytes."""
    with zipfile.ZipFile(zipped) as archive:
        found = archive.infolist()
    assert {each.compress_type for each in found} == {zipfile.ZIP_STORED}
    assert [each.filename for each in found] == sorted(each.filename for each in found)
    # Names in the zip have no system of their own: Windows would write another.
    assert {(each.create_system, each.date_time) for each in found} == {(3, lambda_zip.DATE)}


@pytest.mark.process
def test_the_zip_runs_on_what_the_runtime_carries(
    zipped: Path, runtime: Path, tmp_path: Path, endpoint: Endpoint
) -> None:
    """The zip works with the runtime's packages only, and imports nothing else."""
    task = tmp_path / "task"
    shutil.unpack_archive(zipped, task)
    event = json.loads((ROOT / "tests" / "events" / "disconnect.json").read_text(encoding="utf-8"))
    done = subprocess.run(
        # -S: without site, the editable install is not on the path.
        [sys.executable, "-S", "-B", "-c", INVOKE, *NOT_THERE],
        input=json.dumps(event),
        env={
            **ENVIRONMENT,
            "AWS_ENDPOINT_URL_DYNAMODB": endpoint.url,
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(map(str, (task, runtime))),
        },
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    line, report = map(json.loads, done.stdout.splitlines())
    assert report["response"] == {"statusCode": 200}
    assert report["path"] == [str(task / "poker_signal")]
    assert report["findable"] == []
    loaded = {name.partition(".")[0] for name in report["modules"]}
    # Without tickets in the settings, their modules are not loaded.
    assert not {"poker_signal.core.tickets", "poker_signal.lambda_app.ticket_keys"} & {
        *report["modules"]
    }
    assert loaded - sys.stdlib_module_names - {"__main__"} <= {"poker_signal", *RUNTIME}
    assert (line["outcome"], line["effects"]) == ("disconnected", {"Forget": 1})
    (sent,) = endpoint.sent
    assert sent.target == "DynamoDB_20120810.DeleteItem"
    assert json.loads(sent.body)["Key"] == {"connectionId": {"S": "ShDEC76bIAMCUrA="}}
