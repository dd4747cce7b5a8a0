"""What is in the wheel, and that it works without this checkout."""

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("core", "lambda_app", "emulator", "cli")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a copy of the sources."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(folder)]
    subprocess.run([*command, str(ROOT)], check=True, timeout=300)
    (built,) = folder.glob("*.whl")
    return built


def test_every_module_is_in_the_wheel(wheel: Path) -> None:
    """And nothing lands at the top of anybody's site-packages but poker_signal."""
    names = set(zipfile.ZipFile(wheel).namelist())
    expected = {
        f"poker_signal/{path.relative_to(ROOT)}"
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".html", ".css", ".js"} or path.name == "py.typed"
    }
    assert expected <= names
    assert {name.split("/")[0].split("-")[0] for name in names} == {"poker_signal"}


def test_the_core_of_the_wheel_runs_in_a_bare_environment(wheel: Path, tmp_path: Path) -> None:
    """With the standard library alone, as in Lambda."""
    venv.create(tmp_path / "bare")
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    python = tmp_path / "bare" / "bin" / "python"
    code = "import poker_signal.core.gateway as g; print(g.iso_time(0))"
    done = subprocess.run(
        [python, "-c", code],
        env={"PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "1970-01-01T00:00:00.000Z\n"
