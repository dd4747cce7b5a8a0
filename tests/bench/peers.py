"""Comparison with PeerJS server: relay and start.

npm installs it in the user's cache, outside of the repository.
"""

import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from tests.bench.figures import Figure
from tests.bench.processes import OURS, Spec
from tests.bench.relay import figures, loads
from tests.bench.start import compared
from tests.bench.workload import Dialect

PACKAGE = "peer@1.0.2"
GOAL = 1.0
HERE = Path(__file__).parent


class PeerJs(Dialect):
    """PeerJS's protocol: a peer's name is unique on the server, and there is no join."""

    kinds: Mapping[str, str] = {"offer": "OFFER", "answer": "ANSWER", "ice-candidate": "CANDIDATE"}
    joins = False
    greets = True

    def path(self, game: str, player: str) -> str:
        """Return the query to append to the server's URL."""
        return f"?key=peerjs&id={game}-{player}&token=t"

    def address(self, game: str, player: str) -> dict[str, str]:
        """Return the members of a message that name its target."""
        return {"dst": f"{game}-{player}"}

    def sender(self, heard: dict[str, Any]) -> dict[str, str]:
        """Return the address of a received message's sender."""
        return {"dst": heard["src"]}


PEERJS = Spec("PeerJS server", ("node", str(HERE / "peerjs_server.cjs")), PeerJs())


def installed() -> Path | None:
    """Return the folder of Node's packages, which npm installs once; None if it cannot."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        return None
    folder = user_cache_path("poker-signal") / PACKAGE
    modules = folder / "node_modules"
    if not (modules / PACKAGE.split("@")[0]).is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        command = [npm, "install", "--no-audit", "--no-fund", "--prefix", str(folder), PACKAGE]
        if subprocess.run(command, stdout=subprocess.DEVNULL).returncode != 0:
            return None
    return modules


def measure(is_full: bool) -> list[Figure]:
    """Compare with PeerJS server."""
    modules = installed()
    if modules is None:
        print(
            "peers: SKIPPED, needs node and npm, and a package that npm can install",
            file=sys.stderr,
        )
        return []
    peerjs = PEERJS._replace(command=("env", f"NODE_PATH={modules}", *PEERJS.command))
    ours, theirs = loads([OURS, peerjs])
    return [
        *figures("peers", ours, theirs, peerjs.name, GOAL),
        compared("peers", peerjs, GOAL),
    ]
