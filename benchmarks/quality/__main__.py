"""`python -m benchmarks.quality`: the table, on the terminal and in docs/quality.md. Exit code 1 where a target is
missed.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from .measure import Bench
from .report import failures, harmless_rows, left_alone, markdown, percent, recall_rows, shape_rows, table

DOCUMENT = Path(__file__).parents[2] / "docs" / "quality.md"


@click.command()
@click.option("--size", default=60, show_default=True, help="Values of each kind.")
@click.option("--negatives", default=100_000, show_default=True, help="Harmless strings.")
@click.option("--seed", default=1, show_default=True)
@click.option("--examples", is_flag=True, help="Show a leak of each cell, and what was masked wrongly.")
@click.option("--dry", is_flag=True, help="Leave docs/quality.md as it is.")
def main(size: int, negatives: int, seed: int, examples: bool, dry: bool) -> None:
    """Measure recall and precision on labelled, made-up data."""
    tally = Bench(size, seed).run(negatives)
    for rows in (recall_rows(tally), shape_rows(tally), harmless_rows(tally)):
        click.echo("\n".join(table(rows)) + "\n")
    click.echo(
        f"{percent(left_alone(tally))} % of harmless strings left alone; {tally.seconds:.0f} s; "
        f"refused: {dict(tally.refused)}"
    )
    if examples:
        for (kind, notation), told in sorted(tally.examples.items()):
            click.echo(f"{kind}, {notation}: {told}")
        for name, found in sorted(tally.false.items()):
            click.echo("\n".join(f"{name}: {text}" for text in found[:12]))
        click.echo("\n".join(f"in a line: {text}" for text in tally.joined[:12]))
    missed = list(failures(tally))
    click.echo("\n".join(missed) or "All targets hold.")
    if not dry:
        DOCUMENT.write_text(markdown(tally, size, seed, datetime.now(UTC).date().isoformat()), encoding="utf-8")
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
