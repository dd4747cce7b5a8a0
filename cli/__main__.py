"""``python -m poker_signal.cli``."""

from poker_signal.cli.main import main

main(prog_name="poker-signal")
