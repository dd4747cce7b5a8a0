"""A stand-in for the archive provider, which makes the zip if only the AWS provider is installed.

It tests the wiring, not the bytes that HashiCorp's provider writes. Like that one, it sorts the
files and gives them all the same date, so that the same sources make the same zip.
"""

# The framework has no types of its own.
# mypy: disable-error-code="import-untyped, misc"

import base64
import hashlib
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

from tf.blocks import SetNestedBlock
from tf.iface import DataSource, Provider, ReadDataContext
from tf.runner import run_provider
from tf.schema import Attribute, Block, Schema
from tf.types import String
from tf.utils import Diagnostics

DATE = (2049, 1, 1, 0, 0, 0)


class ArchiveFile(DataSource):
    """``data "archive_file"`` with ``source`` blocks."""

    def __init__(self, provider: Provider) -> None:
        del provider

    @classmethod
    def get_name(cls) -> str:
        """Return the name after the provider's prefix."""
        return "file"

    @classmethod
    def get_schema(cls) -> Schema:
        """Return the part of the real schema that the module uses."""
        source = [Attribute(name, String(), required=True) for name in ("content", "filename")]
        return Schema(
            version=0,
            attributes=[
                Attribute("type", String(), required=True),
                Attribute("output_path", String(), required=True),
                Attribute("id", String(), computed=True),
                Attribute("output_base64sha256", String(), computed=True),
            ],
            block_types=[SetNestedBlock("source", Block(attributes=source))],
        )

    def read(self, ctx: ReadDataContext, config: dict[str, Any]) -> dict[str, Any]:
        """Write the zip; return its attributes."""
        del ctx
        data = zipped({source["filename"]: source["content"] for source in config["source"]})
        path = Path(config["output_path"])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
        return {**config, "id": digest, "output_base64sha256": digest}


class ArchiveProvider(Provider):
    """``hashicorp/archive``."""

    def get_model_prefix(self) -> str:
        """Return the prefix of all names."""
        return "archive_"

    def full_name(self) -> str:
        """Return the provider's name."""
        return "hashicorp/archive"

    def get_provider_schema(self, diags: Diagnostics) -> Schema:
        """Return an empty schema."""
        del diags
        return Schema(version=0, attributes=[], block_types=[])

    def validate_config(self, diags: Diagnostics, config: dict[str, Any]) -> None:
        """Accept every configuration."""

    def configure_provider(self, diags: Diagnostics, config: dict[str, Any]) -> None:
        """Do nothing."""

    def get_data_sources(self) -> list[type[DataSource]]:
        """Return the only data source."""
        return [ArchiveFile]

    def get_resources(self) -> list[Any]:
        """Return no resource."""
        return []


def zipped(contents: dict[str, str]) -> bytes:
    """Return a zip of texts by their file names; the same texts give the same bytes."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(contents):
            info = zipfile.ZipInfo(name, DATE)
            info.external_attr = 0o100644 << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, contents[name])
    return buffer.getvalue()


if __name__ == "__main__":
    run_provider(ArchiveProvider())
