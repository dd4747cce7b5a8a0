"""Inputs and outputs of the module for its README, in the form of terraform-docs.

``python -m tests.infrastructure.reference`` writes them; a test compares them. Like terraform-docs
with ``markdown table --anchor=false``, it writes between two comments.
"""

import re
import textwrap
from typing import Final

from tests.infrastructure.tools import MODULE, ROOT

README: Final = ROOT / MODULE / "README.md"
BEGIN, END = "<!-- BEGIN_TF_DOCS -->\n", "<!-- END_TF_DOCS -->\n"


def blocks(kind: str) -> dict[str, str]:
    """Return the blocks of a kind by name."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / MODULE).glob("*.tf"))
    return dict(re.findall(rf'^{kind} "(\w+)" {{\n(.*?)^}}$', text, re.MULTILINE | re.DOTALL))


def argument(block: str, name: str) -> str:
    """Return an argument of a block as it is written, without its indentation."""
    found = re.search(rf"^  {name} += (.*?)\n(?=  \S|\n|\Z)(?!  [}}\]])", block, re.M | re.S)
    assert found is not None, (name, block)
    return textwrap.dedent(found[1])


def cell(code: str) -> str:
    """Return code for a cell of a table."""
    lines = [re.sub(r" +", " ", line.strip()) for line in code.splitlines()]
    if len(lines) == 1:
        return f"`{code}`"
    return f"<pre>{'<br/>'.join(lines)}</pre>"


def tables() -> str:
    """Return the tables."""
    lines = ["## Inputs", "", "| Name | Description | Type | Default | Required |"]
    lines += ["|------|-------------|------|---------|:--------:|"]
    for name, block in sorted(blocks("variable").items()):
        type_, default = (cell(argument(block, part)) for part in ("type", "default"))
        description = argument(block, "description").strip('"')
        lines += [f"| {name} | {description} | {type_} | {default} | no |"]
    lines += ["", "## Outputs", "", "| Name | Description |", "|------|-------------|"]
    for name, block in sorted(blocks("output").items()):
        lines += [f"| {name} | {argument(block, 'description').strip(chr(34))} |"]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the tables into the README."""
    text = README.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    README.write_text(f"{before}{BEGIN}{tables()}{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
