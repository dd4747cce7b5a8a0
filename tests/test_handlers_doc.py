"""docs/handlers.md shows what works."""

import re
from pathlib import Path

from poker_signal.cli.main import main
from poker_signal.emulator.gateway.config import read_config

DOC = (Path(__file__).parents[1] / "docs" / "handlers.md").read_text(encoding="utf-8")


def test_the_configuration_that_is_shown_is_one(tmp_path: Path) -> None:
    """Every key of it, and every key there is."""
    (toml,) = re.findall(r"^```toml\n(.*?)^```$", DOC, re.MULTILINE | re.DOTALL)
    (tmp_path / "api.toml").write_text(toml, encoding="utf-8")
    config = read_config(tmp_path / "api.toml")
    for table in (config, config.functions["chat"], config.routes["echo"], config.authorizer):
        assert table is not None
        for key in table.__struct_fields__:
            assert re.search(rf"\b{key}\b", toml), key


def test_every_option_that_is_named_exists() -> None:
    """Nobody types one in vain."""
    options = {option for param in main.commands["emulate"].params for option in param.opts}
    assert set(re.findall(r"--[a-z][a-z0-9-]+", DOC)) <= options
