"""How far it is to PeerJS server, and to a bare relay on Node's ``ws``: relay and start.

Both are installed by npm, outside of the repository, in the user's cache.
"""

import shutil
import statistics
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from tests.bench import profiles
from tests.bench.figures import Figure, Found, Run
from tests.bench.processes import OURS, Spec
from tests.bench.relay import figures, interleaved, load, medians
from tests.bench.start import seconds_to_handshake
from tests.bench.workload import Dialect

ROUNDS = 3
STEPS = 3 * ROUNDS
STARTS = 5
PACKAGES = ("peer@1.0.2", "ws@8.23.0")
GOAL = 1.0
HERE = Path(__file__).parent


class PeerJs(Dialect):
    """PeerJS's protocol: a peer's name is unique on the server, and nobody says that it joins."""

    kinds: Mapping[str, str] = {"offer": "OFFER", "answer": "ANSWER", "ice-candidate": "CANDIDATE"}
    joins = False
    greets = True

    def path(self, game: str, player: str) -> str:
        """Return what to append to the server's URL."""
        return f"?key=peerjs&id={game}-{player}&token=t"

    def address(self, game: str, player: str) -> dict[str, str]:
        """Return whom a message is for."""
        return {"dst": f"{game}-{player}"}

    def sender(self, heard: dict[str, Any]) -> dict[str, str]:
        """Return the address of whom a message that was heard says it is from."""
        return {"dst": heard["src"]}


PEERJS = Spec("PeerJS server", ("node", str(HERE / "peerjs_server.cjs")), PeerJs())
NODE_WS = Spec("Node ws relay", ("node", str(HERE / "relay_ws.cjs")))


def installed() -> Path | None:
    """Return the folder of Node's packages, or None without Node; npm installs them once."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        return None
    folder = user_cache_path("poker-signal") / "-".join(PACKAGES)
    modules = folder / "node_modules"
    if not all((modules / name.split("@")[0]).is_dir() for name in PACKAGES):
        folder.mkdir(parents=True, exist_ok=True)
        command = [npm, "install", "--no-audit", "--no-fund", "--prefix", str(folder), *PACKAGES]
        if subprocess.run(command, stdout=subprocess.DEVNULL).returncode != 0:
            return None
    return modules


def measure(run: Run) -> Found:
    """Measure the emulator, PeerJS server and the relay on ``ws`` in turns."""
    modules = installed()
    if modules is None:
        print(
            "peers: SKIPPED, needs node and npm, and packages that npm can install", file=sys.stderr
        )
        return Found([])
    specs = [OURS, *(_with_modules(spec, modules) for spec in (PEERJS, NODE_WS))]
    loads = interleaved(specs, ROUNDS, run)
    ours, *others = (medians(loads[spec.name]) for spec in specs)
    found: list[Figure] = []
    for spec, other in zip(specs[1:], others, strict=True):
        goal = GOAL if spec.name == PEERJS.name else None
        found += figures("peers", ours, other, spec.name, goal)
    found.append(_start(specs[1]))
    return Found(found, profiles.of_missed("peers", found, load))


def _start(peerjs: Spec) -> Figure:
    taken: dict[str, list[float]] = {OURS.name: [], peerjs.name: []}
    for _ in range(STARTS):
        for spec in (OURS, peerjs):
            taken[spec.name].append(seconds_to_handshake(spec))
    ours, theirs = map(statistics.median, taken.values())
    name = "process start to the first handshake"
    return Figure("peers", name, "s", ours, peerjs.name, theirs, GOAL)


def _with_modules(spec: Spec, modules: Path) -> Spec:
    return spec._replace(command=("env", f"NODE_PATH={modules}", *spec.command))
