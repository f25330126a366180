"""What a figure's targets say of it, and how the table shows that."""

import pytest
from rich.console import Console

from tests.bench import table
from tests.bench.figure import Row, Spread, Target, at_least, at_most

BASELINE = Spread(p50=2.0, p99=4.0)


@pytest.mark.parametrize(
    ("target", "ours", "met"),
    [
        (at_most(1.05), Spread(p50=2.1), True),
        (at_most(1.05), Spread(p50=2.2), False),
        (at_most(2, plus=1), Spread(p50=5.0), True),
        (at_most(2, plus=1), Spread(p50=5.1), False),
        (at_most(4, of="p99"), Spread(p50=9.0, p99=16.0), True),
        (at_most(4, of="p99"), Spread(p50=1.0, p99=16.1), False),
        (at_most(plus=250, of="p99"), Spread(p50=1.0, p99=251.0), False),
        (at_least(0.8), Spread(p50=1.6), True),
        (at_least(0.8), Spread(p50=1.5), False),
        (at_least(plus=3000), Spread(p50=2999.0), False),
    ],
)
def test_compares_the_percentile_it_names(target: Target, ours: Spread, met: bool) -> None:
    assert target.met(ours, BASELINE) is met


def test_says_nothing_of_what_was_not_measured() -> None:
    assert at_most(2, of="p99").met(Spread(p50=1.0), BASELINE) is None
    assert at_most(2, of="p99").met(Spread(p50=1.0, p99=1.0), Spread(p50=1.0)) is None
    assert at_most(2).met(Spread(p50=1.0), None) is None


def test_stands_in_its_row_of_the_table() -> None:
    row = Row(
        label="a figure",
        unit="ms",
        n=3,
        ours=Spread(p50=5.0, p99=17.0),
        baseline=BASELINE,
        baseline_label="another",
        targets=(at_most(2, plus=1), at_most(4, of="p99")),
    )
    console = Console(width=table.WIDTH)
    with console.capture() as capture:
        console.print(table.part("A title", [row]))
    text = capture.get()
    assert "✓ p50 ≤ 2 × + 1" in text
    assert "✗ p99 ≤ 4 ×" in text
