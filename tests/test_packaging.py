"""Wheel and sdist: their content, and that they work without this checkout."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

from poker_signal.cli import VERSION

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[1]
FOLDERS = ("core", "lambda_app", "emulator", "cli")


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An sdist built from the sources that git knows, as a release is."""
    folder = tmp_path_factory.mktemp("sdist")
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / "source" / name)
    command = [sys.executable, "-m", "build", "--sdist", "--outdir", str(folder)]
    subprocess.run([*command, "source"], cwd=folder, check=True, timeout=300, capture_output=True)
    (built,) = folder.glob("*.tar.gz")
    return built


@pytest.fixture(scope="module")
def wheel(sdist: Path) -> Path:
    """A wheel built from the sdist."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w"]
    subprocess.run([*command, str(sdist.parent), str(sdist)], check=True, timeout=300)
    (built,) = sdist.parent.glob("*.whl")
    return built


def test_the_sdist_is_a_release(sdist: Path) -> None:
    """It holds the product and its pages, and its version heads the changelog."""
    with tarfile.open(sdist) as opened:
        names = {name.partition("/")[2] for name in opened.getnames()}
    assert {
        "README.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "LICENSE",
        "docs/cli.md",
        "cli/main.py",
    } <= names
    assert sdist.name == f"poker_signal-{VERSION}.tar.gz"
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (\d\S+)", changelog, re.M)[0] == VERSION


def test_every_module_is_in_the_wheel(wheel: Path) -> None:
    """The wheel adds only poker_signal to site-packages."""
    names = set(zipfile.ZipFile(wheel).namelist())
    expected = {
        f"poker_signal/{path.relative_to(ROOT)}"
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".html", ".css", ".js"} or path.name == "py.typed"
    }
    expected |= {
        f"poker_signal/javascript/{path.name}"
        for path in (ROOT / "clients" / "javascript").glob("*.js")
    }
    assert expected <= names
    assert {name.split("/")[0].split("-")[0] for name in names} == {"poker_signal"}


def test_the_core_of_the_wheel_runs_in_a_bare_environment(wheel: Path, tmp_path: Path) -> None:
    """The core needs the standard library only, as in Lambda."""
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
    """The oldest click that the package accepts runs the commands."""
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


@pytest.mark.nightly
@pytest.mark.timeout(600)
def test_the_example_passes_with_the_wheel_alone(wheel: Path, tmp_path: Path) -> None:
    """The example runs in a fresh environment, and a missing extra is named and installed."""
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

    # The hint names a command that works without an index that has poker-signal.
    command = [str(python.with_name("poker-signal")), "emulate", "--lan", "--port", "0"]
    refused = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    hint = refused.stderr.partition("Error: --lan needs more packages: ")[2]
    assert hint.startswith(f"{python} -m pip install segno"), refused.stderr
    subprocess.run(shlex.split(hint), check=True, timeout=300)
    subprocess.run([python, "-c", "import segno"], check=True, timeout=60)
