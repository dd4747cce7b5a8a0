"""Servers that stand in for AWS, each in a process of its own and on a port of its own."""

import os
import selectors
import subprocess
import sys
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Final

import boto3
from botocore.config import Config

from tests.infrastructure.tools import ENVIRONMENT, ROOT

ACCOUNT: Final = "123456789012"
"""moto's."""

REGION: Final = "us-west-2"

START_S: Final = 60
END_S: Final = 20


class Aws:
    """An AWS at an address, and boto3's clients for it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._session = boto3.Session(
            aws_access_key_id="testing", aws_secret_access_key="testing", region_name=REGION
        )

    def client(self, service: str) -> Any:
        """Return a client of a service."""
        # Now and then MiniStack trips over what another of its threads changes: 500.
        config = Config(retries={"mode": "standard", "total_max_attempts": 5})
        return self._session.client(service, endpoint_url=self.url, config=config)


@contextmanager
def serving(module: str, folder: Path, **environment: str) -> Generator[Aws, None, None]:
    """Run a module that prints its address once it listens, and then serves.

    What it says on stderr is in the folder, and so is whatever it leaves lying about.
    """
    folder.mkdir(parents=True, exist_ok=True)
    said = folder / "server.txt"
    with said.open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=ROOT,
            env={
                **ENVIRONMENT,
                "HOME": str(folder),
                "PATH": os.environ["PATH"],
                "TMPDIR": str(folder),
                **environment,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
        try:
            yield Aws(_address(process, said))
        finally:
            _end(process)


def stand_in(folder: Path) -> AbstractContextManager[Aws]:
    """Run moto, empty but for the policies that AWS itself has."""
    return serving("tests.infrastructure.stand_in", folder, MOTO_IAM_LOAD_MANAGED_POLICIES="true")


def _address(process: subprocess.Popen[str], said: Path) -> str:
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        line = process.stdout.readline().strip() if selector.select(START_S) else ""
    assert line.startswith("http://127.0.0.1:"), said.read_text(encoding="utf-8")
    return line


def _end(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    process.terminate()
    try:
        process.wait(END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()
