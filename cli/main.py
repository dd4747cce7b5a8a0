"""poker-signal."""

import click


@click.group()
def main() -> None: ...
