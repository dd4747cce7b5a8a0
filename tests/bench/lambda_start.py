"""Cost of a cold start: CPU time of a new process until the handler is imported.

Compared with two floors in the same run: bare botocore clients, and a boto3 resource, as most
samples use. Measured with this Python and with the newest one on this machine.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bench.figures import Figure
from tests.bench.turns import in_turns

ROUNDS = 11
ROOT = Path(__file__).parents[2]

OURS = "import poker_signal.lambda_app.handler"
FLOORS = {
    "bare botocore clients": (
        "import botocore.session; s = botocore.session.get_session()\n"
        "s.create_client('dynamodb')\n"
        "s.create_client('apigatewaymanagementapi', endpoint_url='https://x.example/prod')"
    ),
    "boto3 resource": (
        "import boto3; boto3.resource('dynamodb').Table('t')\n"
        "boto3.client('apigatewaymanagementapi', endpoint_url='https://x.example/prod')"
    ),
}
BARS = (1.05, 0.88)
MEMORY_BAR_MB = 50

LEAVE = "\nimport os; os._exit(0)"
"""Exit without cleanup: a container does not end after the import, and a program with less to
clean up would seem to start faster."""

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "x",
    "AWS_SECRET_ACCESS_KEY": "x",
    "AWS_DEFAULT_REGION": "us-west-2",
    "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": "https://x.example/prod",
    "TABLE_NAME": "poker-signaling-connections",
    # The zip has only sources, and a function's folder is read-only, so every container
    # compiles them. The runtime has boto3 compiled.
    "PYTHONDONTWRITEBYTECODE": "1",
}


def unzipped(folder: Path) -> Path:
    """Fill a folder with the contents of the deployment's zip, and return it."""
    for name in ("core", "lambda_app"):
        ignore = shutil.ignore_patterns("__pycache__", "ruff.toml", "py.typed")
        shutil.copytree(ROOT / name, folder / "poker_signal" / name, ignore=ignore)
    return folder


def newest_python() -> str | None:
    """Return the newest interpreter on the path or of pyenv; None: none is newer than this."""
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for minor in range(30, sys.version_info.minor, -1):
        found = [*map(str, versions.glob(f"3.{minor}.*/bin/python"))]
        for python in [shutil.which(f"python3.{minor}"), *sorted(found, reverse=True)]:
            if python and subprocess.run([python, "-c", ""], capture_output=True).returncode == 0:
                return python
    return None


def with_boto3(python: str, folder: Path) -> str:
    """Make a virtual environment of ``python`` with our boto3; return its interpreter."""
    subprocess.run([python, "-m", "venv", folder], check=True)
    inner = str(folder / "bin" / "python")
    pip = [inner, "-m", "pip", "install", "--quiet", "boto3"]
    subprocess.run([*pip, "--constraint", str(ROOT / "constraints.txt")], check=True)
    return inner


def _cost(python: str, program: str, path: Path) -> tuple[float, float]:
    """Return CPU seconds and peak megabytes of a new process."""
    environment = {**os.environ, **ENVIRONMENT, "PYTHONPATH": str(path)}
    process = subprocess.Popen([python, "-c", program + LEAVE], env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status
    if status != 0:
        raise SystemExit(f"{python}: {program} failed")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6


def _figures(python: str, path: Path) -> list[Figure]:
    programs = [OURS, *FLOORS.values()]
    in_turns(programs, 1, lambda program: _cost(python, program, path))  # fills the disk cache
    (ours_s, ours_mb), *floors = in_turns(programs, ROUNDS, lambda one: _cost(python, one, path))
    version = subprocess.check_output([python, "--version"], text=True).strip()
    label = f"cold start, {version}"
    return [
        *(
            Figure("lambda-start", f"{label}, CPU", "s", ours_s, name, floor_s, bar)
            for name, (floor_s, _), bar in zip(FLOORS, floors, BARS, strict=True)
        ),
        Figure("lambda-start", f"{label}, memory", "MB", ours_mb, "", None, MEMORY_BAR_MB),
    ]


def measure(is_full: bool) -> list[Figure]:
    """Measure with this Python, and with the newest one on this machine."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = unzipped(folder / "zip")
        found = _figures(sys.executable, path)
        if newest := newest_python():
            found += _figures(with_boto3(newest, folder / "newest"), path)
    return found
