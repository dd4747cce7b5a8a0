"""``make bench``: what is measured, one after the other; names as arguments pick some."""

import sys

from tests.bench import lambda_handshake, lambda_start, lambda_warm, scale_page, start

BENCHES = {
    "start": start.main,
    "lambda-start": lambda_start.main,
    "lambda-warm": lambda_warm.main,
    "lambda-handshake": lambda_handshake.main,
    "scale": scale_page.main,
}


def main(names: list[str]) -> None:
    """Measure everything, or what is named."""
    unknown = set(names) - BENCHES.keys()
    if unknown:
        raise SystemExit(f"no bench named {', '.join(unknown)}: {', '.join(BENCHES)}")
    for name in names or BENCHES:
        BENCHES[name]()
        print()


if __name__ == "__main__":
    main(sys.argv[1:])
