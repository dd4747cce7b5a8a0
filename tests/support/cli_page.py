"""Writes docs/cli.md from the help of the commands: ``make docs``."""

from pathlib import Path

from click.testing import CliRunner

from poker_signal.cli.main import main

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"

HEAD = """\
# Command line

<!-- Written by: make docs -->

{commands}

In a checkout, `make emulate ARGS="…"` runs `poker-signal emulate …`; all commands are in
`.venv/bin`.

## Options in a file and in the environment

You can set the options of `emulate` in `poker-signal.toml` in the working directory or, if there is
no such file, in the table `[tool.poker-signal]` of `pyproject.toml` there. A key is the name of an
option without the dashes; a repeatable option takes a list:

```toml
port = 3005
topology = "star"
fault = ["reorder", "drop:offer#1"]
permessage-deflate = false
```

The command line overrides the environment (`POKER_SIGNAL_PORT`), which overrides the file. The
banner names the file.

## Output and exit codes

`emulate` writes one line to stdout, the URL, once it accepts connections. A program that starts it
needs to read only this line. Everything else is on stderr. Ctrl-C and SIGTERM close all sockets
with 1012 and exit with 0. An expected failure, such as a taken port, is one line on stderr and exit
code 1; wrong usage is 2. `peer` and `bot` also exit with 3, `replay` with 2: see their help.

`emulate --log-format json` writes one JSON object per line to stderr: first `kind` `listening` with
`url`, `inspector` and `management`; then one per event with `time`, `kind`, `game`, `from`, `to`,
`type`, `bytes`, `outcome` and `connectionId`, as far as they are known. Lines of the `kind`
`output` hold a handler's output, `dropped` the number of lines that were not read fast enough.
poker-signal itself writes no payload; a handler may print one.

## Shell completion

```sh
eval "$(_POKER_SIGNAL_COMPLETE=bash_source poker-signal)"
```

in `~/.bashrc`; `zsh_source` for zsh. For fish,
`_POKER_SIGNAL_COMPLETE=fish_source poker-signal | source` in its configuration.
"""


def page() -> str:
    """Return the text of docs/cli.md."""
    rows = ["| command | does |", "|---|---|"]
    sections = []
    for name, command in main.commands.items():
        anchor = f"poker-signal-{name}"
        rows.append(f"| [`{name}`](#{anchor}) | {command.get_short_help_str(200)} |")
        shown = CliRunner().invoke(main, [name, "--help"], prog_name="poker-signal").output
        sections.append(f"\n## poker-signal {name}\n\n```text\n{shown}```\n")
    return HEAD.format(commands="\n".join(rows)) + "".join(sections)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
