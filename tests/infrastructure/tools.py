"""Terraform or OpenTofu with the real AWS provider, as found on this machine."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
INFRASTRUCTURE = Path("infrastructure")
MODULE = INFRASTRUCTURE / "modules" / "signaling"
EXAMPLES = INFRASTRUCTURE / "examples"
SERVER = INFRASTRUCTURE / "signaling-server"
"""The root that applies the module with its defaults."""

SOURCES = ("core", "lambda_app")

ARCHIVE_VERSION = "2.7.1"
PROVIDER_MODE = 0o755

COMMAND_S = 300
"""Seconds: the longest command takes 25 s of CPU, of which a busy machine may give a tenth."""

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_EC2_METADATA_DISABLED": "true",
    "CHECKPOINT_DISABLE": "1",
    # The provider's schema is big, and its garbage collection would take a seventh of the CPU.
    "GOGC": "400",
    # The developer's own settings must not affect the tests.
    "TF_CLI_CONFIG_FILE": os.devnull,
    "TF_IN_AUTOMATION": "1",
}

OVERRIDE = """provider "aws" {
  # A call that the stand-in does not support fails soon, not after 25 attempts.
  max_retries = 3
}
"""


LOCAL_STATE = """terraform {
  backend "local" {}
}
"""


class Missing(Exception):
    """A program or a provider is not on this machine; the text names it."""


class Failed(Exception):
    """A command failed; the text is its output."""


def binary() -> Path:
    """Return the path of the program.

    Raises:
        Missing: there is none.
    """
    for name in (os.environ.get("POKER_SIGNAL_TOFU"), "tofu", "terraform"):
        if name and (found := shutil.which(name)):
            return Path(found)
    raise Missing("neither tofu nor terraform is on PATH, nor named by POKER_SIGNAL_TOFU")


def aws_provider() -> Path:
    """Return the AWS provider's file, laid out as in a file-system mirror.

    Raises:
        Missing: there is none.
    """
    named = [os.environ.get(name) for name in ("TF_MIRROR", "TF_PLUGIN_CACHE_DIR")]
    # The folder of `tofu init` in this checkout, and last the whole machine.
    places = [*filter(None, named), str(ROOT / SERVER / ".terraform" / "providers"), "/"]
    for place in places:
        # Packages of other languages are most of a machine's files, and never contain a mirror.
        skipped = "( -name .git -o -name site-packages -o -name node_modules -o -path /proc )"
        wanted = "-prune -o -name terraform-provider-aws_v5* -size +0 -print"
        command = ["find", place, "-xdev", *skipped.split(), *wanted.split()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
        found = [Path(line) for line in done.stdout.splitlines()]
        if usable := [path for path in found if path.parts[-5:-3] == ("hashicorp", "aws")]:
            return max(usable)
    raise Missing("no terraform-provider-aws 5 is on this machine; TF_MIRROR may name its mirror")


class Mirror:
    """A file-system mirror of both providers: the real one of AWS, and one that makes zips."""

    def __init__(self, folder: Path) -> None:
        self.binary = binary()
        self.folder = folder
        provider = aws_provider()
        platform = provider.parts[-2]
        # The addresses of the providers depend on the program.
        wanted = Workspace.copy(folder / "asked", self, MODULE).addresses()
        mirrored = {wanted["aws"]: provider.parent}
        if real_archive := [*provider.parents[3].glob(f"archive/*/{platform}")]:
            mirrored[wanted["archive"]] = max(real_archive)
        else:
            self._stand_in(wanted["archive"], platform)
        for address, found in mirrored.items():
            place = folder / address / found.parent.name / platform
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(found)

    def _stand_in(self, address: str, platform: str) -> None:
        place = self.folder / address / ARCHIVE_VERSION / platform
        place.mkdir(parents=True)
        program = place / f"terraform-provider-archive_v{ARCHIVE_VERSION}"
        script = Path(__file__).with_name("archive_provider.py")
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{script}" "$@"\n')
        program.chmod(PROVIDER_MODE)


class Workspace:
    """A copy of the infrastructure, in one folder of which commands run."""

    def __init__(self, root: Path, mirror: Mirror, folder: Path = SERVER) -> None:
        self.root = root
        self.folder = root / folder
        self.module = root / MODULE
        self._mirror = mirror
        # No PYTHONPATH: the stand-in of the provider imports only installed packages.
        own = {"HOME": str(root), "PATH": os.environ["PATH"], "PYTHONWARNINGS": "ignore"}
        self.environment = {**ENVIRONMENT, **own}

    @classmethod
    def copy(cls, root: Path, mirror: Mirror, folder: Path = SERVER) -> "Workspace":
        """Copy the files of a clone: the infrastructure, and the sources of the function."""
        ignored = shutil.ignore_patterns(".terraform*", "*.tfstate*", "build", "__pycache__")
        for name in (*SOURCES, str(INFRASTRUCTURE)):
            shutil.copytree(ROOT / name, root / name, ignore=ignored)
        return cls(root, mirror).enter(folder)

    def enter(self, folder: Path) -> "Workspace":
        """Return a workspace in another folder of the same copy, which has its own state."""
        workspace = Workspace(self.root, self._mirror, folder)
        workspace.environment = self.environment
        if folder != MODULE:
            (workspace.folder / "test_override.tf").write_text(OVERRIDE)
        texts = [path.read_text(encoding="utf-8") for path in workspace.folder.glob("*.tf")]
        if any('backend "s3"' in text for text in texts):
            (workspace.folder / "state_override.tf").write_text(LOCAL_STATE)
        return workspace

    def at(self, url: str) -> "Workspace":
        """Let the provider use this address for all services of AWS."""
        self.environment["AWS_ENDPOINT_URL"] = url
        return self

    def initialised(self) -> "Workspace":
        """Install the providers, only from the mirror."""
        self.run("init", "-input=false", f"-plugin-dir={self._mirror.folder}")
        return self

    def adopt(self, name: str) -> "Workspace":
        """Add a copy of the module as a child, so that one process can check several."""
        child = Workspace(self.root, self._mirror)
        child.module = self.module.with_name(name)
        child.module.mkdir()
        for file in (ROOT / MODULE).glob("*.tf"):
            shutil.copy(file, child.module)
        self.call(name)
        return child

    def call(self, name: str, source: str = "", inputs: str = "") -> None:
        """Add a call of a module beside the module."""
        with (self.folder / "children.tf").open("a") as file:
            file.write(
                f'module "{name}" {{\n  source = "../modules/{source or name}"\n  {inputs}\n}}\n'
            )

    def addresses(self) -> dict[str, str]:
        """Return the addresses of the providers, with the program's default registry."""
        said = self.run("providers").stdout
        found = [part.partition("]")[0] for part in said.split("provider[")[1:]]
        return {address.rpartition("/")[2]: address for address in found}

    def run(
        self, *arguments: str, codes: tuple[int, ...] = (0,)
    ) -> subprocess.CompletedProcess[str]:
        """Run a command.

        Raises:
            Failed: it ended with a code that is not in `codes`.
        """
        command = [str(self._mirror.binary), *arguments]
        if arguments[0] not in ("version", "providers") or len(arguments) > 1:
            command.append("-no-color")
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=COMMAND_S,
            check=False,
        )
        if done.returncode not in codes:
            raise Failed(f"{' '.join(arguments)}: {done.returncode}\n{done.stdout}")
        return done

    def reports(self, *arguments: str) -> list[str]:
        """Run a command that may fail; return its errors and warnings with their places."""
        said = self.run(*arguments, "-json", codes=(0, 1)).stdout
        # validate writes one object, plan one on each line.
        lines = [said] if arguments[0] == "validate" else said.splitlines()
        found = [
            each
            for line in map(json.loads, lines)
            for each in line.get("diagnostics") or filter(None, [line.get("diagnostic")])
        ]
        return [
            f"{each['severity']}: {(each.get('range') or {}).get('filename')} "
            f"{(each.get('snippet') or {}).get('context')} {each.get('address')} "
            f"{each['summary']} {each['detail']}"
            for each in found
        ]

    def apply(self, *arguments: str) -> str:
        """Apply; return the output."""
        return self.run("apply", "-auto-approve", "-input=false", *arguments).stdout

    def plan(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Plan; the exit code is 0 without changes, 2 with changes."""
        return self.run("plan", "-detailed-exitcode", "-input=false", *arguments, codes=(0, 2))

    def destroy(self, *arguments: str) -> str:
        """Destroy; return the output."""
        return self.run("destroy", "-auto-approve", "-input=false", *arguments).stdout

    def outputs(self) -> dict[str, Any]:
        """Return the outputs."""
        said = json.loads(self.run("output", "-json").stdout)
        return {name: output["value"] for name, output in said.items()}

    def replace(self, file: str, old: str, new: str) -> None:
        """Change a file of the module; the old text must be in it exactly once."""
        path = self.module / file
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{file} has {text.count(old)} × {old!r}"
        path.write_text(text.replace(old, new), encoding="utf-8")
