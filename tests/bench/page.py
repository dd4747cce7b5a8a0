"""The figures of docs/performance.md, from the JSON of a run. ::

python -m tests.bench --full       # measures, into build/bench.json
python -m tests.bench.page         # keeps that run, and writes it into the page
"""

import re
import shutil
from importlib import import_module
from pathlib import Path

import click

from tests.bench.figures import HEAD, LATEST, Figure, Saved, read
from tests.bench.runner import BENCHES

DOC = Path(__file__).parents[2] / "docs" / "performance.md"
KEPT = Path(__file__).with_name("results.json")


def machine(saved: Saved) -> str:
    """Return where and when the figures were measured, and how disturbed that was."""
    facts = saved.about
    packages = ", ".join(f"{name} {version}" for name, version in facts["packages"].items())
    cores = facts["cores"]
    busy = max(facts["load_before"], facts["load_after"])
    lines = [
        f"Measured on {facts['date']}, in {facts['seconds']} s: {facts['system']}"
        f" {facts['machine']}, {cores} cores, {facts['memory_gb']} GB,"
        f" Python {facts['python']}, {packages}.",
        f"Load average {facts['load_before']} before and {facts['load_after']} after;"
        f" the bench itself makes about 2.",
    ]
    if busy > cores + 1:
        lines.append(
            "**Others wanted the cores too**: rates and latencies are what was left, and"
            " ratios are rough."
        )
    return "\n".join(lines)


def verdicts(saved: Saved) -> str:
    """Return how many bars hold, and which do not."""
    barred = [figure for figure in saved.figures if figure.bar is not None]
    missed = [figure for figure in barred if figure.verdict == "MISSED"]
    lines = [f"Of {len(barred)} bars, {len(barred) - len(missed)} hold."]
    if missed:
        lines += ["Missed:", ""]
        lines += [
            f"- {figure.name}: {figure.ratio:.2f} × {figure.against}, bar {figure.bar_text()}"
            if figure.floor is not None
            else f"- {figure.name}: {figure.ratio:.3g} {figure.unit}, bar {figure.bar_text()}"
            for figure in missed
        ]
    return "\n".join(lines)


def results(saved: Saved) -> str:
    """Return a section for each bench: what it does, its command, its figures, its profile."""
    return "\n\n".join(
        _section(name, [figure for figure in saved.figures if figure.bench == name], saved)
        for name in BENCHES
        if any(figure.bench == name for figure in saved.figures)
    )


def _section(name: str, figures: list[Figure], saved: Saved) -> str:
    described = (import_module(f"tests.bench.{BENCHES[name].module}").__doc__ or "").strip()
    names = f'"{name} --full"' if saved.about["full"] else name
    parts = [
        f"### {name}",
        described,
        f"```sh\nmake bench ARGS={names}\n```",
        _table([HEAD, ["---", *["--:"] * 4, "---"], *(figure.cells() for figure in figures)]),
    ]
    if name in saved.profiles:
        profile = "\n".join(saved.profiles[name])
        parts.append(
            f"Why a bar was missed, as the same command profiles it:\n\n```text\n{profile}\n```"
        )
    return "\n\n".join(parts)


def _table(lines: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


BLOCKS = {"machine": machine, "verdicts": verdicts, "results": results}


def filled(text: str, saved: Saved) -> str:
    """Return the page with the figures of a run between its marks."""
    for name, block in BLOCKS.items():
        begin, end = f"<!-- {name} -->\n", f"\n<!-- /{name} -->"
        between = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        new = f"{begin}{block(saved)}{end}"
        text, count = between.subn(lambda _, new=new: new, text)  # type: ignore[misc]
        if count != 1:
            raise ValueError(f"{DOC.name} has {count} times {begin.strip()}, not once")
    return text


@click.command()
@click.argument("run", default=LATEST, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def main(run: Path) -> None:
    """Keep a run (build/bench.json), and write it into docs/performance.md."""
    if run.resolve() != KEPT.resolve():
        shutil.copyfile(run, KEPT)
    DOC.write_text(filled(DOC.read_text(encoding="utf-8"), read(KEPT)), encoding="utf-8")
    click.echo(f"wrote docs/{DOC.name}")


if __name__ == "__main__":
    main()
