"""``make bench``: what is measured, one after the other; names as arguments pick some."""

import sys
from importlib import import_module

# Imported one by one: the memory of this process would count as that of those it starts.
BENCHES = {
    "start": "start",
    "lambda-start": "lambda_start",
    "lambda-warm": "lambda_warm",
    "lambda-handshake": "lambda_handshake",
    "scale": "scale_page",
}


def main(names: list[str]) -> None:
    """Measure everything, or what is named."""
    unknown = set(names) - BENCHES.keys()
    if unknown:
        raise SystemExit(f"no bench named {', '.join(unknown)}: {', '.join(BENCHES)}")
    for name in names or BENCHES:
        import_module(f"tests.bench.{BENCHES[name]}").main()
        print()


if __name__ == "__main__":
    main(sys.argv[1:])
