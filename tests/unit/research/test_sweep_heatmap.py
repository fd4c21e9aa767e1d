"""The heatmap: every cell is a value of the table, and the picture is whole without anything else."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from tests.engine_inputs import closes, daily, inputs_of

import qtrader as qt
from qtrader.engine.config import RunConfig
from qtrader.errors import ConfigError
from qtrader.research import SweepResults
from qtrader.research.sweep import Sweep
from qtrader.research.sweep_page import sweep_page
from qtrader.services.reporting.metric_catalog import METRICS
from qtrader.services.reporting.metric_definition import format_metric
from qtrader.services.strategy.protocol import StrategySpec

SVG = "{http://www.w3.org/2000/svg}"


class Timed(qt.Strategy):
    """Buy on one bar and sell some bars later."""

    entry: int = 1
    hold: int = 3
    label: str = "<plain>"

    def check(self) -> None:
        if self.entry + self.hold > 24:
            msg = f"entry {self.entry} and hold {self.hold} are too long"
            raise ConfigError(msg)

    def on_start(self, context: Any) -> None:
        self.count = 0

    def on_bar(self, bar: Any, context: Any) -> None:
        self.count += 1
        if self.count == self.entry:
            context.emit_signal(bar.symbol, "open_long", quantity=10 if self.label == "<plain>" else 20)
        elif self.count == self.entry + self.hold:
            context.emit_signal(bar.symbol, "close_long")


@pytest.fixture(scope="module")
def results() -> SweepResults:
    inputs = inputs_of(daily(closes(*(100 - n if n < 12 else 52 + 3 * n for n in range(30)))))
    grid = {"entry": [14, 1, 5], "hold": [2, 20], "label": ["<plain>", "a & b"]}
    return Sweep(RunConfig(), inputs, StrategySpec(Timed), grid, metric="total_return").run()


def drawn(svg: str) -> ET.Element:
    return ET.fromstring(svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))  # noqa: S314


def titles(svg: str) -> list[str]:
    return [str(one.text) for one in drawn(svg).iter(f"{SVG}title")]


def test_every_cell_shows_the_value_of_its_set(results: SweepResults) -> None:
    heatmap = results.heatmap("entry", "hold", at={"label": "<plain>"})
    assert heatmap.x == ("entry", (1, 5, 14))
    assert heatmap.y == ("hold", (2, 20))
    wanted = {
        ((1, 5, 14).index(row["entry"]), (2, 20).index(row["hold"])): row["total_return"]
        for row in results.table.iter_rows(named=True)
        if row["label"] == "<plain>"
    }
    assert {place: cell.value for place, cell in heatmap.cells.items()} == wanted
    assert len(wanted) == 4  # hold 20 is refused from entry 5 on
    assert heatmap.best == max(wanted, key=wanted.__getitem__)
    assert heatmap.note.startswith("With label='<plain>'. 8 sets were tried")


def test_the_picture_tells_each_value_and_frames_the_best(results: SweepResults) -> None:
    heatmap = results.heatmap("entry", "hold", at={"label": "<plain>"})
    told = titles(heatmap.svg)
    assert len(told) == 6
    assert {one.value < 0 for one in heatmap.cells.values()} == {True, False}
    assert told.count("entry=14, hold=20: no value") == 1
    cell = heatmap.cells[0, 0]
    shown = format_metric(METRICS["total_return"], cell.value)
    assert f"entry=1, hold=2: Total return {shown} (set {cell.number})" in told
    frames = [one for one in drawn(heatmap.svg).iter(f"{SVG}rect") if one.get("class") == "best"]
    assert len(frames) == 1
    # Gains and losses have the colours of the report, and the larger value the deeper shade.
    shades = {one.find(f"{SVG}title").text: one for one in drawn(heatmap.svg).iter(f"{SVG}rect") if len(one)}  # type: ignore[union-attr]
    for text, rect in shades.items():
        value = re.search(r"return (-?[0-9.]+) %", str(text))
        if value is not None:
            assert rect.get("class") == ("loss" if float(value[1]) < 0 else "gain")
    values = {abs(one.value): one for one in heatmap.cells.values()}
    depths = [
        float(str(rect.get("fill-opacity")))
        for number in (values[size].number for size in sorted(values))
        for text, rect in shades.items()
        if f"(set {number})" in str(text)
    ]
    assert depths == sorted(depths)


def test_a_cell_is_the_best_of_what_still_varies(results: SweepResults) -> None:
    heatmap = results.heatmap("entry", "hold")
    for (across, upwards), cell in heatmap.cells.items():
        entry, hold = heatmap.x[1][across], heatmap.y[1][upwards]
        values = results.table.filter(entry=entry, hold=hold)["total_return"]
        assert cell.value == max(values)
        assert cell.count == 2
    assert "Each cell is the best of up to 2 sets" in heatmap.note
    least = results.heatmap("entry", "hold", "annual_volatility")
    assert least.cells[0, 0].value == min(results.table.filter(entry=1, hold=2)["annual_volatility"])


def test_one_parameter_makes_one_row(results: SweepResults) -> None:
    heatmap = results.heatmap("label", metric="trade_count")
    assert heatmap.x == ("label", ("<plain>", "a & b"))
    assert heatmap.title == "Closed trades over label"
    assert len(titles(heatmap.svg)) == 2


def test_pictures_are_written_whole(results: SweepResults, tmp_path: Path) -> None:
    heatmap = results.heatmap("entry", "label")
    picture = heatmap.save(tmp_path / "a.svg").read_text(encoding="utf-8")
    assert ET.fromstring(picture).tag == f"{SVG}svg"  # noqa: S314
    page = heatmap.save(tmp_path / "deep" / "a.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert "default-src 'none'" in page
    assert "<plain>" not in page
    assert "&lt;plain&gt;" in page
    assert "<svg" in heatmap._repr_html_()


def test_the_page_shows_pictures_best_sets_and_what_was_refused(results: SweepResults) -> None:
    page = sweep_page(results, "a <name>")
    assert "<title>a &lt;name&gt; - sweep</title>" in page
    assert page.count("<svg") == 3
    assert "best of 8: the best of many sets looks better than it will be" in page
    assert "entry 5 and hold 20 are too long" in page
    assert "Timed is called bar by bar" in page
    assert not re.search(r"https?://|<script|<link|@import", page)
    assert page == sweep_page(results, "a <name>")


Ask = Callable[[SweepResults], Any]
BAD: list[tuple[Ask, str]] = [
    (lambda r: r.heatmap("entri", "hold"), "no parameter 'entri' was varied; there are entry, hold, label"),
    (lambda r: r.heatmap("entry", "entry"), "needs two parameters that vary"),
    (lambda r: r.heatmap("entry", "hold", at={"hold": 2}), "needs two parameters that vary"),
    (lambda r: r.heatmap("entry", "hold", "beta"), "the table has no measure 'beta'; it has total_return"),
    (lambda r: r.heatmap("entry", "hold", at={"label": "x"}), "no set that ran has label='x'"),
]


@pytest.mark.parametrize(("ask", "message"), BAD)
def test_bad_input_is_named(results: SweepResults, ask: Ask, message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        ask(results)
    assert message in str(refused.value)
