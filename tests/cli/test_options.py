"""Options and environment variables of the settings."""

import dataclasses

import click
import pytest
from click.testing import CliRunner

from poker_signal.cli.main import main
from poker_signal.cli.options import settings_options
from poker_signal.emulator.settings import Settings

FIELDS = [field for field in dataclasses.fields(Settings) if "option" in field.metadata]

EXAMPLES: dict[str, tuple[str, object]] = {
    "topology": ("star", "star"),
    "throttle_rate": ("2.5", 2.5),
    "idle_timeout_s": ("2.5", 2.5),
    "max_duration_s": ("2.5", 2.5),
    "integration_timeout_s": ("2.5", 2.5),
    "throttle_burst": ("7", 7),
    "flood_rate": ("2.5", 2.5),
    "allowed_origins": ("https://a.example", "https://a.example"),
    "outbound_fragment_bytes": ("7", 7),
    "domain_name": ("example.org", "example.org"),
    "base_path": ("/", "/"),
    "permessage_deflate": ("0", False),
    "later": ("0", False),
    "bool": ("1", True),
    "int": ("7", 7),
    "str": ("other", "other"),
}
"""Text in the environment and resulting value, by field name or by type of the default."""


def parsed(*arguments: str, **environment: str) -> Settings:
    """Return the settings of a command line and an environment."""
    seen: list[Settings] = []

    @click.command()
    @settings_options
    def command(**options: object) -> None:
        seen.append(Settings(**options))  # type: ignore[arg-type]

    result = CliRunner(env=environment).invoke(command, arguments, standalone_mode=False)
    if result.exception:
        raise result.exception
    return seen[0]


def test_without_options_everything_is_as_on_aws() -> None:
    """Without options, the defaults of `Settings` apply."""
    assert parsed() == Settings()


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_every_setting_can_be_set_in_the_environment(field: dataclasses.Field[object]) -> None:
    """The variable's name is POKER_SIGNAL_ and the option's name."""
    name = (field.metadata["option"].name or field.name).replace("-", "_").upper()
    text, value = EXAMPLES.get(field.name) or EXAMPLES[type(field.default).__name__]
    assert value != field.default
    assert getattr(parsed(**{f"POKER_SIGNAL_{name}": text}), field.name) == value


def test_what_is_on_can_be_switched_off() -> None:
    """The prefix `--no-` turns an option off."""
    assert not parsed("--no-permessage-deflate").permessage_deflate


def test_the_command_has_them_all() -> None:
    """`emulate` has an option for every setting that declares one."""
    names = {param.name for param in main.commands["emulate"].params}
    assert {field.name for field in FIELDS} <= names


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
@pytest.mark.parametrize(
    ("command", "option"),
    [
        (name, param.opts[0])
        for name, command in main.commands.items()
        for param in command.params
        if param.type.name.startswith("float")
    ],
)
def test_numbers_are_finite(command: str, option: str, number: str) -> None:
    """Options refuse nan and infinity: a time-out of nan ends at once or never."""
    result = CliRunner().invoke(main, [command, option, number])
    assert result.exit_code == 2
    assert f"'{option}': {number} is " in result.stderr
