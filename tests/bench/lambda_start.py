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

ROUNDS = 11
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

BARS = {FLOOR: 1.05, RESOURCE: 0.88}
MEMORY_BAR_MB = 50

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "x",
    "AWS_SECRET_ACCESS_KEY": "x",
    "AWS_DEFAULT_REGION": "us-west-2",
    "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": "https://x.example/prod",
    "TABLE_NAME": "poker-signaling-connections",
}


def unzipped(folder: Path) -> Path:
    """Return a folder that holds what the deployment's zip holds."""
    for name in ("core", "lambda_app"):
        ignore = shutil.ignore_patterns("__pycache__", "ruff.toml", "py.typed")
        shutil.copytree(ROOT / name, folder / "poker_signal" / name, ignore=ignore)
    return folder


def _cost(python: str, program: str, path: Path) -> tuple[float, float]:
    """Return CPU seconds and peak megabytes of a fresh process."""
    environment = {**os.environ, **ENVIRONMENT, "PYTHONPATH": str(path)}
    process = subprocess.Popen([python, "-c", program], env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status
    if status != 0:
        raise SystemExit(f"{python}: {program} failed")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6


def main() -> None:
    """Measure, and print a table."""
    with tempfile.TemporaryDirectory() as folder:
        path = unzipped(Path(folder))
        _measure(sys.executable, path)


def _measure(python: str, path: Path) -> None:
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in PROGRAMS}
    for program in PROGRAMS.values():
        _cost(python, program, path)
    for _ in range(ROUNDS):
        for name, program in PROGRAMS.items():
            taken[name].append(_cost(python, program, path))
    cpu = {name: statistics.median(cost[0] for cost in costs) for name, costs in taken.items()}
    print(f"cold start, CPU seconds, median of {ROUNDS}, Python {sys.version.split()[0]}:")
    for name, costs in taken.items():
        print(f"  {name:24} {cpu[name]:.3f} s  {max(cost[1] for cost in costs):.0f} MB")
    for name, bar in BARS.items():
        ratio = cpu[OURS] / cpu[name]
        verdict = "holds" if ratio <= bar else "MISSED"
        print(f"  to {name:21} {ratio:.2f} x, bar {bar} x: {verdict}")
    memory = max(cost[1] for cost in taken[OURS])
    verdict = "holds" if memory < MEMORY_BAR_MB else "MISSED"
    print(f"  memory                   {memory:.0f} MB, bar {MEMORY_BAR_MB} MB: {verdict}")
