"""What a cold start costs: CPU time of a fresh process until the handler is there.

Against three floors in the same run: an empty interpreter, bare botocore clients, and the
style of most samples, a boto3 resource. With every Python that is here and has botocore.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bench import profiles
from tests.bench.figures import Figure, Found, Run

ROUNDS = 11
STEPS = 2
ROOT = Path(__file__).parents[2]

FLOOR, RESOURCE, OURS = "bare botocore clients", "boto3 resource", "poker-signal's handler"

PROGRAMS = {
    "empty interpreter": "pass",
    FLOOR: (
        "import botocore.session; s = botocore.session.get_session()\n"
        "s.create_client('dynamodb')\n"
        "s.create_client('apigatewaymanagementapi', endpoint_url='https://x.example/prod')"
    ),
    RESOURCE: (
        "import boto3; boto3.resource('dynamodb').Table('t')\n"
        "boto3.client('apigatewaymanagementapi', endpoint_url='https://x.example/prod')"
    ),
    OURS: "import poker_signal.lambda_app.handler",
}

LEAVE = "\nimport os; os._exit(0)"
"""Without tidying up: a container does not end when its handler is there, and what one program
spares itself at its end would be counted as a faster start."""

BARS = {FLOOR: 1.05, RESOURCE: 0.88}
MEMORY_BAR_MB = 50

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "x",
    "AWS_SECRET_ACCESS_KEY": "x",
    "AWS_DEFAULT_REGION": "us-west-2",
    "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": "https://x.example/prod",
    "TABLE_NAME": "poker-signaling-connections",
    # The zip holds sources alone, and a function's folder cannot be written to: every
    # container compiles them. boto3 comes compiled with the runtime.
    "PYTHONDONTWRITEBYTECODE": "1",
}


def unzipped(folder: Path) -> Path:
    """Return a folder that holds what the deployment's zip holds."""
    for name in ("core", "lambda_app"):
        ignore = shutil.ignore_patterns("__pycache__", "ruff.toml", "py.typed")
        shutil.copytree(ROOT / name, folder / "poker_signal" / name, ignore=ignore)
    return folder


def _cost(python: str, program: str, path: Path) -> tuple[float, float]:
    """Return CPU seconds and peak megabytes of a fresh process."""
    process = subprocess.Popen([python, "-c", program + LEAVE], env=_environment(path))
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status
    if status != 0:
        raise SystemExit(f"{python}: {program} failed")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6


def measure(run: Run) -> Found:
    """Measure with this Python and with the newest one that is here; print tables."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = unzipped(folder / "zip")
        found, python = _measure(sys.executable, path), sys.executable
        run.tick("this Python")
        newest = newest_python()
        if newest is None:
            print("no newer Python is here: measured with this one alone")
        else:
            print()
            python = with_boto3(newest, folder / "newest")
            found += _measure(python, path)
        return Found(found, _profile(python, path) if profiles.is_missed(found) else ())


def newest_python() -> str | None:
    """Return the newest interpreter that is newer than this one, on the path or pyenv's."""
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for minor in range(30, sys.version_info.minor, -1):
        found = [*map(str, versions.glob(f"3.{minor}.*/bin/python"))]
        for python in [shutil.which(f"python3.{minor}"), *sorted(found, reverse=True)]:
            if python and subprocess.run([python, "-c", ""], capture_output=True).returncode == 0:
                return python
    return None


def with_boto3(python: str, folder: Path) -> str:
    """Return an interpreter like ``python`` that has the same boto3 as this one."""
    subprocess.run([python, "-m", "venv", folder], check=True)
    inner = str(folder / "bin" / "python")
    pip = [inner, "-m", "pip", "install", "--quiet", "boto3"]
    subprocess.run([*pip, "--constraint", str(ROOT / "constraints.txt")], check=True)
    return inner


def _profile(python: str, path: Path) -> list[str]:
    """Return which imports of the handler take the time."""
    command = [python, "-X", "importtime", "-c", PROGRAMS[OURS] + LEAVE]
    environment = _environment(path)
    done = subprocess.run(command, env=environment, stderr=subprocess.PIPE, text=True, check=True)
    return profiles.write("lambda-start", profiles.imports(done.stderr))


def _environment(path: Path) -> dict[str, str]:
    return {**os.environ, **ENVIRONMENT, "PYTHONPATH": str(path)}


def _measure(python: str, path: Path) -> list[Figure]:
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in PROGRAMS}
    for program in PROGRAMS.values():
        _cost(python, program, path)
    for _ in range(ROUNDS):
        for name, program in PROGRAMS.items():
            taken[name].append(_cost(python, program, path))
    cpu = {name: statistics.median(cost[0] for cost in costs) for name, costs in taken.items()}
    version = subprocess.check_output([python, "--version"], text=True).strip()
    print(f"cold start, CPU seconds, median of {ROUNDS}, {version}:")
    for name, costs in taken.items():
        print(f"  {name:24} {cpu[name]:.3f} s  {max(cost[1] for cost in costs):.0f} MB")
    memory = max(cost[1] for cost in taken[OURS])
    label = f"cold start, {version}"
    return [
        *(
            Figure("lambda-start", f"{label}, CPU", "s", cpu[OURS], name, cpu[name], bar)
            for name, bar in BARS.items()
        ),
        Figure("lambda-start", f"{label}, memory", "MB", memory, "", None, MEMORY_BAR_MB),
    ]
