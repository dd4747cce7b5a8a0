"""What is in the wheel, and that it works without this checkout."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

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
    code = "import poker_signal.core.aws_event as g; print(g.iso_time(0))"
    done = subprocess.run(
        [python, "-c", code],
        env={"PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "1970-01-01T00:00:00.000Z\n"


def test_the_oldest_click_will_do(tmp_path: Path) -> None:
    """Whoever has it already gets no newer one with the package."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    [click] = [each for each in project["dependencies"] if each.startswith("click")]
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    oldest = [click.replace(">=", "=="), "--no-deps", "--target", tmp_path]
    subprocess.run([*install, *oldest], check=True, timeout=500)
    done = subprocess.run(
        [sys.executable, "-c", "import click; print(click.__version__)\nfrom poker_signal.cli.main"
         " import main; main(['emulate', '--help'])"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )  # fmt: skip
    assert done.stdout.startswith(click.partition(">=")[2]), done.stderr
    assert "--record FILE" in done.stdout, done.stderr


@pytest.mark.timeout(600)
def test_the_example_passes_with_the_wheel_alone(wheel: Path, tmp_path: Path) -> None:
    """In a fresh environment: its own ``core``, a real WebRTC stack, and the plugin."""
    example = tmp_path / "poker-table"
    shutil.copytree(ROOT / "examples" / "poker-table", example)
    project = tomllib.loads((example / "pyproject.toml").read_text(encoding="utf-8"))
    named = [*project["project"]["dependencies"], *project["dependency-groups"]["test"]]
    # The wheel in place of what is published.
    ours = [name.replace("poker-signal", str(wheel)) for name in named]
    assert ours != named

    venv.create(tmp_path / "fresh", with_pip=True)
    python = tmp_path / "fresh" / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run(
        [*install, "--constraint", str(ROOT / "constraints.txt"), *ours], check=True, timeout=500
    )
    done = subprocess.run(
        [python, "-m", "pytest", "-W", "error"],
        cwd=example,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert re.search(r"=+ 5 passed in ", done.stdout), done.stdout + done.stderr
