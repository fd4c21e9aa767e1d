"""Where bounds are shown: the report, the run's directory and what is read back from it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.doubtful_runs import run_of
from tests.factories_run import tiny_run

from qtrader.engine.results import Results
from qtrader.engine.run_directory import load_run


@pytest.fixture
def doubtful() -> Results:
    """Give a long of 10 at 98 that may have been stopped at 95 or sold at 110, and was sold at 100."""
    run = run_of(97, 101, 101, initial=1_000)
    run.next_day()
    opened = run.enter(10, 98, worst_exit_price=95, best_exit_price=110, commission="0.5")
    run.close_day().next_day()
    run.leave(-10, 100, parent=opened)
    run.close_day().idle()
    return run.results()


def test_the_report_has_a_section_for_fills_in_doubt(doubtful: Results) -> None:
    page = doubtful.html()
    start = page.index("<h2>Fills in doubt")
    section = page[start : page.index("</section>", start)]
    for shown in (
        "Flagged: 1 of 2 fills (50.00 %).",
        '<td class="num">969.50</td><td class="num">1,019.50</td><td class="num">1,119.50</td>',
        "<td>buy to open</td>",
        '<td class="num">95.00</td><td class="num">110.00</td>',
        '<td class="num loss">-50.00</td><td class="num gain">100.00</td>',
    ):
        assert shown in section


def test_the_report_of_a_certain_run_has_no_such_section() -> None:
    assert "Fills in doubt" not in Results(tiny_run()).html()


def test_the_directory_of_a_run_holds_the_exact_bounds(doubtful: Results, tmp_path: Path) -> None:
    document = json.loads((doubtful.save(tmp_path) / "bounds.json").read_text(encoding="utf-8"))
    assert document["equity"] == {"worst": "969.5", "booked": "1019.5", "best": "1119.5"}
    assert (document["fills"], document["flagged"], document["unbounded"]) == (2, 1, 0)
    assert document["ambiguity_share"] == 0.5
    (leg,) = document["legs"]
    assert leg["executed_at"] == "2012-01-02T14:30:00Z"
    assert (leg["side"], leg["purpose"], leg["quantity"], leg["booked_price"]) == ("buy", "open", "10", "98")
    assert (leg["worst_price"], leg["best_price"]) == (None, None)
    assert (leg["worst_exit_price"], leg["best_exit_price"]) == ("95", "110")
    assert (leg["worst_difference"], leg["best_difference"], leg["is_bounded"]) == ("-50", "100", True)


def test_the_directory_of_a_certain_run_has_no_bounds(tmp_path: Path) -> None:
    assert not (Results(tiny_run()).save(tmp_path) / "bounds.json").exists()


def test_what_is_read_back_has_the_same_bounds(doubtful: Results, tmp_path: Path) -> None:
    found = load_run(doubtful.save(tmp_path)).results
    assert found.bounds() == doubtful.bounds()
    assert found.html() == doubtful.html()
