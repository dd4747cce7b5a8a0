"""Generator of docs/poker-signal.d.ts from docs/asyncapi.yaml.

``python -m tests.protocol_types`` writes the file.
"""

import json
from pathlib import Path
from typing import Any

import yaml

DOCS = Path(__file__).parents[1] / "docs"
TYPES = DOCS / "poker-signal.d.ts"

CLIENT = ("Join", "Directed", "Report", "Hello", "AskIce", "Ping")
SERVER = (
    "Relayed",
    "ErrorFrame",
    "Undelivered",
    "Ack",
    "Pong",
    "Welcome",
    "IceServersFrame",
    "Presence",
    "GoAway",
    "Keepalive",
    "Gateway",
)

_HEAD = """\
// Frames of poker-signal's wire protocol, version 1: JSON.parse and JSON.stringify do the rest.
// Made from asyncapi.yaml; the guarantees of the rules are in protocol.md.
"""


def load() -> dict[str, Any]:
    """Return the AsyncAPI document."""
    text = (DOCS / "asyncapi.yaml").read_text(encoding="utf-8")
    document: dict[str, Any] = yaml.safe_load(text)
    return document


def typescript(schemas: dict[str, Any]) -> str:
    """Return the declarations of all schemas."""
    parts = [_HEAD]
    for name, schema in schemas.items():
        comment = f"/** {schema['description']} */\n"
        if schema["type"] == "object":
            parts.append(f"{comment}export interface {name} {_type_of(schema)}\n")
        else:
            parts.append(f"{comment}export type {name} = {_type_of(schema)};\n")
    for name, members, comment in (
        ("ClientMessage", CLIENT, "A message that a client sends."),
        ("ServerFrame", SERVER, "A frame that a client gets."),
    ):
        parts.append(f"/** {comment} */\nexport type {name} = {' | '.join(members)};\n")
    return "\n".join(parts)


def _type_of(schema: dict[str, Any], indent: str = "  ") -> str:
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return " | ".join(f'"{value}"' for value in schema["enum"])
    if "type" not in schema:
        return "unknown"
    if isinstance(schema["type"], list):
        return " | ".join(_type_of({**schema, "type": each}, indent) for each in schema["type"])
    if schema["type"] == "array":
        return f"{_type_of(schema['items'], indent)}[]"
    if schema["type"] == "integer":
        return "number"
    if schema["type"] != "object":
        return str(schema["type"])
    lines = []
    for key, member in schema["properties"].items():
        if "description" in member:
            lines.append(f"{indent}/** {member['description']} */")
        optional = "" if key in schema.get("required", ()) else "?"
        lines.append(f"{indent}{key}{optional}: {_type_of(member, indent + '  ')};")
    return "\n".join(["{", *lines, indent[2:] + "}"])


if __name__ == "__main__":
    TYPES.write_text(typescript(load()["components"]["schemas"]), encoding="utf-8")
