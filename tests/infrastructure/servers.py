"""Servers that stand in for AWS, each in its own process and on its own port."""

import os
import sys
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Final

import boto3
from botocore.config import Config

from tests.infrastructure.tools import ENVIRONMENT, ROOT
from tests.support import process

# The account of moto.
ACCOUNT: Final = "123456789012"
REGION: Final = "us-west-2"


class Aws:
    """A stand-in for AWS at an address, and boto3's clients for it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._session = boto3.Session(
            aws_access_key_id="testing", aws_secret_access_key="testing", region_name=REGION
        )

    def client(self, service: str) -> Any:
        """Return a client of a service."""
        # MiniStack sometimes answers 500, because its threads change shared state.
        config = Config(retries={"mode": "standard", "total_max_attempts": 5})
        return self._session.client(service, endpoint_url=self.url, config=config)


@contextmanager
def serving(module: str, folder: Path, **environment: str) -> Generator[Aws, None, None]:
    """Run a module that prints its address once it listens; yield its clients.

    Its stderr and its temporary files are in the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    env = {**ENVIRONMENT, "HOME": str(folder), "PATH": os.environ["PATH"], "TMPDIR": str(folder)}
    with (folder / "server.txt").open("w+") as said:
        command = (sys.executable, "-m", module)
        with process.serving(*command, cwd=ROOT, env=env | environment, stderr=said) as served:
            yield Aws(served.url)


def stand_in(folder: Path) -> AbstractContextManager[Aws]:
    """Run moto, empty except for AWS's managed policies."""
    return serving("tests.infrastructure.stand_in", folder, MOTO_IAM_LOAD_MANAGED_POLICIES="true")
