"""Zip of the Lambda function: the same bytes from the same sources, on every machine.

``python infrastructure/lambda_zip.py build/lambda.zip`` writes it, with the standard library only.
Files are sorted, have one date and one mode, and the line ends of Unix, also if Git checked them
out with those of Windows. They are stored, not compressed: versions of zlib compress the same text
to different bytes.
"""

import sys
import zipfile
from io import BytesIO
from pathlib import Path

FOLDERS = ("core", "lambda_app")
DATE = (2049, 1, 1, 0, 0, 0)
MODE = 0o100644
UNIX = 3


def contents(root: Path) -> dict[str, bytes]:
    """Return the sources in a checkout by their names in the zip."""
    return {
        f"poker_signal/{path.relative_to(root).as_posix()}": path.read_bytes().replace(
            b"\r\n", b"\n"
        )
        for folder in FOLDERS
        for path in (root / folder).rglob("*.py")
    }


def zipped(files: dict[str, bytes]) -> bytes:
    """Return a zip of files by name."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            info = zipfile.ZipInfo(name, DATE)
            info.create_system = UNIX
            info.external_attr = MODE << 16
            archive.writestr(info, files[name])
    return buffer.getvalue()


def main(path: str) -> None:
    """Write the zip of this checkout to a path, at once and not in parts."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    part.write_bytes(zipped(contents(Path(__file__).resolve().parents[1])))
    part.replace(target)
    sys.stderr.write(f"{path}: {target.stat().st_size} bytes\n")


if __name__ == "__main__":
    main(sys.argv[1])
