"""Configuration files (api.toml): keys and errors."""

from pathlib import Path

import pytest

from poker_signal.emulator.gateway.config import BadConfig, of_handler, read_config

GOOD = """
route_selection_expression = "$request.body.kind"

[functions.chat]
handler = "chat.py:handler"
memory_mb = 256

[functions.auth]
handler = "auth:handler"
invoke_permission = false

[routes]
"$connect" = { function = "chat" }
echo = { function = "chat", two_way = true, integration_timeout = 0.5 }

[authorizer]
function = "auth"
identity_sources = ["route.request.querystring.token"]

[stage_variables]
table = "connections"
"""


def test_a_whole_api_is_read(tmp_path: Path) -> None:
    """All existing keys are read."""
    (tmp_path / "api.toml").write_text(GOOD)
    config = read_config(tmp_path / "api.toml")
    assert config.functions["chat"].memory_mb == 256
    assert not config.functions["auth"].invoke_permission
    assert config.routes["echo"].two_way
    assert config.routes["echo"].integration_timeout == 0.5
    assert config.authorizer is not None
    assert config.authorizer.identity_sources == ["route.request.querystring.token"]
    assert config.stage_variables == {"table": "connections"}
    assert config.route_selection_expression == "$request.body.kind"


FUNCTION = "functions.a = {handler='x:y'}\nroutes={}\n"
ROUTE = FUNCTION.replace("={}\n", ".")
WRONG = {
    "unknown-key": ("colour = 'red'", "unknown field `colour`"),
    "unknown-inner-key": ("functions.a = {handler='x:y', memory=1}\nroutes={}", "`memory`"),
    "wrong-type": ("functions.a = {handler=7}\nroutes={}", "handler"),
    "too-little-memory": ("functions.a = {handler='x:y', memory_mb=1}\nroutes={}", "memory_mb"),
    "no-functions": ("routes={}", "missing required field `functions`"),
    "no-such-function": (
        f"{ROUTE}b = {{function='c'}}",
        "routes.'b'.function: there is no functions.c, only a",
    ),
    "authorizer": (FUNCTION + "authorizer = {function='c'}", "authorizer.function: there is no f"),
    "identity-source": (
        FUNCTION + "authorizer = {function='a', identity_sources=['Auth']}",
        "identity_sources: 'Auth' is not",
    ),
    "expression": (FUNCTION + "route_selection_expression='$x'", "'$x': only"),
    "dollar-route": (f"{ROUTE}'$mine' = {{function='a'}}", "must not begin with $"),
    "long-timeout": (f"{ROUTE}a = {{function='a', integration_timeout=30}}", "integration_timeout"),
    "not-toml": ("functions = ", "api.toml"),
    "not-utf-8": (b"\xff", "api.toml"),
    "not-there": (None, "No such file"),
}


@pytest.mark.parametrize(("text", "says"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_named(tmp_path: Path, text: str | bytes | None, says: str) -> None:
    """The error names the file and the key."""
    path = tmp_path / "api.toml"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(BadConfig) as bad:
        read_config(path)
    assert str(path) in str(bad.value)
    assert says in str(bad.value)


def test_one_handler_serves_the_three_routes_of_every_api() -> None:
    """Further routes can be added by name."""
    config = of_handler("folder/chat.py:handler", ["join"], "$request.body.kind")
    assert set(config.routes) == {"$connect", "$disconnect", "$default", "join"}
    assert {route.function for route in config.routes.values()} == {"chat"}
    assert config.functions["chat"].handler == "folder/chat.py:handler"
    with pytest.raises(BadConfig, match="must not begin with"):
        of_handler("chat:handler", ["$join"])


def test_tables_have_a_short_form() -> None:
    """Key and sort key, each with its type unless it is a text."""
    tables = of_handler("chat:handler", tables=["rows=id", "times=room/at:N"]).tables
    assert tables["rows"].definition("rows") == {
        "TableName": "rows",
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    }
    definition = tables["times"].definition("times")
    assert [each["AttributeType"] for each in definition["AttributeDefinitions"]] == ["S", "N"]
    for wrong in ("rows", "=id", "rows=", "rows=id:X"):
        with pytest.raises(BadConfig, match=f"--table {wrong}: "):
            of_handler("chat:handler", tables=[wrong])
