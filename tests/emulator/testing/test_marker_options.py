"""Options of the marker, and the errors for wrong ones."""

from pathlib import Path
from typing import Any

import pytest

from poker_signal.core.configuration import Topology
from poker_signal.emulator.gateway.config import of_handler
from poker_signal.emulator.settings import Settings
from poker_signal.emulator.testing.marker_options import BadOption, Setup, read_options

HERE = Path("/project")

KEYS = {"1": b"a-secret-of-november-with-entropy"}


def test_settings_and_faults_are_named_as_on_the_command_line() -> None:
    """Values are Python's; the default is production's settings on any free port."""
    assert read_options({}, HERE) == Setup(Settings(port=0), None, HERE)
    setup = read_options(
        {
            **{"topology": "star", "idle_timeout_s": 5, "serial": True, "ticket_keys": KEYS},
            **{"faults": ["drop:offer#1", "reorder"], "seed": 7, "optional_faults": ["drop"]},
        },
        HERE,
    )
    assert setup.settings == Settings(
        port=0, topology=Topology.STAR, idle_timeout_s=5, serial=True, ticket_keys=KEYS
    )
    assert (setup.faults, setup.seed) == (("drop:offer#1", "reorder"), 7)
    assert setup.optional_faults == ("drop",)
    assert read_options({"topology": Topology.STAR}, HERE).settings.topology is Topology.STAR


def test_a_handler_may_have_routes() -> None:
    """The options are ``--handler``, ``--route`` and ``--route-selection-expression``."""
    _, api, folder, *_ = read_options(
        {"handler": "app.py:f", "routes": ["say"], "route_selection_expression": "$request.body.x"},
        HERE,
    )
    assert api == of_handler("app.py:f", ["say"], "$request.body.x")
    assert folder == HERE
    assert read_options({"handler": "core"}, HERE).api is None
    setup = read_options({"routes": ["say"], "ticket_keys": KEYS}, HERE)
    assert setup.api == of_handler("core", ["say"])
    assert setup.settings.ticket_keys == KEYS


def test_a_handler_may_be_a_callable_of_the_test() -> None:
    """Any callable will do; it is called in the process of the test."""
    seen: list[object] = []
    setup = read_options({"handler": lambda event, context: seen.append(event)}, HERE)
    ((name, handler),) = setup.handlers.items()
    assert setup.api is not None
    assert {route.function for route in setup.api.routes.values()} == {name}
    handler("event", None)
    assert seen == ["event"]


def test_what_a_handler_finds_in_aws_are_options(tmp_path: Path) -> None:
    """Options add to a configuration file; its stage is the emulator's."""
    (tmp_path / "api.toml").write_text(
        'stage = "dev"\nfunctions.a = {handler = "a.py:f", environment = {A = "1"}}\n'
        'routes = {}\ntables.mine.key = "id"\n'
    )
    options = {
        "config": "api.toml",
        "tls": True,
        "dynamodb": "moto",
        "tables": {"other": {"key": "id", "sort_key": "n:N", "indexes": {"by": {"key": "g"}}}},
        "environment": {"B": "2"},
    }
    setup = read_options(options, tmp_path)
    assert (setup.settings.stage, setup.tls, setup.dynamodb) == ("dev", True, "moto")
    assert setup.api is not None
    assert setup.api.functions["a"].environment == {"A": "1", "B": "2"}
    assert list(setup.api.tables) == ["mine", "other"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"topolgy": "star"}, "no option 'topolgy'; did you mean 'topology'?"),
        ({"zzz": 1}, "no option 'zzz'; there are host, port, .*handler, .*config"),
        ({"topology": "ring"}, "Invalid enum value 'ring' - at `topology`"),
        ({"idle_timeout_s": "5"}, "Expected `float`, got `str` - at `idle_timeout_s`"),
        ({"idle_timeout_s": 0}, "idle_timeout_s=0.0: not in the range 0<x"),
        ({"handler": "lambda"}, "needs a DynamoDB"),
        ({"handler": 5}, "handler=5: a callable, which is called in this process, or a reference"),
        ({"tables": {"t": {"key": "id"}}, "handler": "a.py:f"}, "tables need dynamodb='moto'"),
        ({"tables": {"t": {}}, "handler": "a.py:f"}, "missing required field `key`"),
        ({"environment": {"A": "1"}}, "environment is for a handler; the core has none"),
        ({"environment": {"A": "1"}, "handler": print}, "use monkeypatch.setenv"),
        ({"environment": {"AWS_REGION": "x"}, "handler": "a.py:f"}, "AWS_REGION"),
        ({"config": 5}, r"Expected `str \| null`, got `int` - at `config`"),
        ({"routes": "say"}, "Expected `list`, got `str` - at `routes`"),
        ({"route_selection_expression": "$foo"}, r"'\$foo': only \$request.body"),
        ({"faults": "drop:offer"}, "Expected `list`, got `str` - at `faults`"),
        ({"seed": "x"}, "Expected `int`, got `str` - at `seed`"),
        ({"ticket_keys": 5}, r"Expected `dict \| null`, got `int` - at `ticket_keys`"),
        ({"ticket_keys": {}}, "ticket_keys: no ticket key"),
        ({"ticket_keys": {"1": b"x"}}, "ticket_keys: the secret of ticket key 1 is too weak"),
        ({"ticket_keys": {"1": b"\xff" * 32}}, "ticket_keys: the secret of ticket key 1 is too"),
        ({"ticket_keys": KEYS, "handler": "app.py:f"}, "ticket_keys is for handler='core'"),
        ({"faults": ["drip"]}, "there is no fault 'drip'; there are drop"),
        ({"routes": ["$say"]}, r"must not begin with \$"),
        ({"config": "no.toml"}, "no.toml: No such file"),
        ({"config": "no.toml", "handler": "core"}, "leave the other options out"),
    ],
)
def test_what_is_wrong_is_told(options: dict[str, Any], says: str) -> None:
    """The error says what would be valid."""
    with pytest.raises(BadOption, match=says):
        read_options(options, HERE)
