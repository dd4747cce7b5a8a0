"""The figures of docs/performance.md, from the JSON of a run. ::

python -m tests.bench --full       # measures, into build/bench.json
python -m tests.bench.page         # keeps that run, and writes it into the page
"""

import shutil
from pathlib import Path

import click

from tests.bench.figures import HEAD, LATEST, Figure, Saved, filled, markdown, read
from tests.bench.runner import BENCHES, module_of

DOC = Path(__file__).parents[2] / "docs" / "performance.md"
KEPT = Path(__file__).with_name("results.json")


def machine(saved: Saved) -> str:
    """Return where and when the figures were measured, and how disturbed that was."""
    facts = saved.about
    packages = ", ".join(f"{name} {version}" for name, version in facts["packages"].items())
    cores = facts["cores"]
    lines = [
        f"Measured on {facts['date']}, in {facts['seconds']} s: {facts['system']}"
        f" {facts['machine']}, {cores} cores, {facts['memory_gb']} GB,"
        f" Python {facts['python']}, {packages}.",
        f"Load average {facts['load_before']} before and {facts['load_after']} after;"
        f" the bench itself makes about 2.",
    ]
    if max(facts["load_before"], facts["load_after"]) > cores + 1:
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
    """Return a section for each bench: what it does, its command, its figures."""
    by_bench = {
        name: [figure for figure in saved.figures if figure.bench == name] for name in BENCHES
    }
    return "\n\n".join(
        _section(name, figures, saved.about["full"])
        for name, figures in by_bench.items()
        if figures
    )


def _section(name: str, figures: list[Figure], is_full: bool) -> str:
    names = f'"{name} --full"' if is_full else name
    rule = ["---", *["--:"] * 4, "---"]
    return "\n\n".join(
        [
            f"### {name}",
            (module_of(name).__doc__ or "").strip(),
            f"```sh\nmake bench ARGS={names}\n```",
            markdown([HEAD, rule, *(figure.cells() for figure in figures)]),
        ]
    )


def blocks(saved: Saved) -> dict[str, str]:
    """Return what stands between the page's marks."""
    return {"machine": machine(saved), "verdicts": verdicts(saved), "results": results(saved)}


@click.command()
@click.argument("run", default=LATEST, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def main(run: Path) -> None:
    """Keep a run (build/bench.json), and write it into docs/performance.md."""
    if run.resolve() != KEPT.resolve():
        shutil.copyfile(run, KEPT)
    text = DOC.read_text(encoding="utf-8")
    DOC.write_text(filled(text, blocks(read(KEPT))), encoding="utf-8")
    click.echo(f"wrote docs/{DOC.name}")


if __name__ == "__main__":
    main()
