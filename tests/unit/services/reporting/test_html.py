"""The page: well-formed, self-contained, escaped, deterministic, and saying what must be said."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest
from tests.factories_run import RunBuilder, tiny_run

from qtrader.engine.results import CompletedRun, Results
from qtrader.events.vocabulary import OrderPurpose
from qtrader.services.reporting.equity import BenchmarkSeries
from qtrader.services.reporting.html_tables import cell_text

VOID = {"meta", "input"}
HOSTILE = "<script>alert(1)</script>\"'&</title>\u2028"


class Walk(HTMLParser):
    """Check that elements nest, and collect what they hold."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.counts: dict[str, int] = {}
        self.attributes: list[tuple[str, str, str]] = []
        self.ids: list[str] = []
        self.text: list[str] = []
        self.scripts: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.counts[tag] = self.counts.get(tag, 0) + 1
        for name, value in attrs:
            self.attributes.append((tag, name, value or ""))
            if name == "id":
                self.ids.append(value or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in {"script", "style"}:
            self.scripts.append(data)
        else:
            self.text.append(data)


def page_of(run: CompletedRun) -> str:
    return Results(run).html()


@pytest.fixture(scope="module")
def page() -> str:
    run = tiny_run(
        warnings=("no costs", "lookahead: same_close"),
        notes=("AAPL: 2 splits are in the prices already",),
        conventions=("Market orders fill at the next open.",),
        strategy_hashes={"sma": "ab" * 16},
    )
    run_with_benchmark = {name: getattr(run, name) for name in CompletedRun.__dataclass_fields__}
    assert run.tape is not None
    run_with_benchmark["benchmark"] = BenchmarkSeries.from_tape_at(
        run.tape, "MSFT", run.tape.instants_us.tolist()
    )
    return page_of(CompletedRun(**run_with_benchmark))


def test_elements_nest_and_ids_are_unique(page: str) -> None:
    walk = Walk(page)
    assert page.startswith("<!doctype html>")
    assert len(walk.ids) == len(set(walk.ids))
    assert walk.counts["h1"] == 1
    labels = {
        value for tag, name, value in walk.attributes if name in {"for", "aria-controls", "aria-labelledby"}
    }
    assert labels <= set(walk.ids)


def test_the_page_loads_nothing(page: str) -> None:
    walk = Walk(page)
    assert not [one for one in walk.attributes if one[1] in {"src", "href", "srcset", "action", "data"}]
    assert re.findall(r"https?://|//[a-z]+\.|url\((?!#)|@import|\bfetch\(|XMLHttpRequest", page) == []
    assert any(
        name == "content" and value.startswith("default-src 'none'") for _, name, value in walk.attributes
    )


def test_everything_that_must_be_said_is_said(page: str) -> None:
    text = " ".join(Walk(page).text)
    for part in (
        "no costs",
        "lookahead: same_close",
        "2012-01-02 to 2012-01-13",
        "AAPL, MSFT",
        "already_open",
        "gross_leverage",
        "100 AAPL are held already",
        "101,096.99",
        "497.91",
        "fast above slow",
        "stop loss",
        "AAPL: 2 splits are in the prices already",
        "Market orders fill at the next open.",
        "A year has 252 periods.",
        "The benchmark is MSFT (price return, without dividends).",
        "run-1",
        "ab" * 16,
        "fast: 10",
        "sma:AAPL:20120112:5/open",
        "MSFT, scaled to the starting capital",
    ):
        assert part in text, part


def test_entries_and_exits_of_longs_and_shorts_differ_in_shape_or_filling(page: str) -> None:
    data = json.loads(page.split('id="data">')[1].split("</script>", maxsplit=1)[0])
    marks = {one["name"]: [data["kinds"][kind] for kind in one["m"]["k"]] for one in data["prices"]}
    assert marks == {"AAPL": ["long_entry", "long_exit"], "MSFT": ["short_entry"]}
    shapes = dict(re.findall(r'class="mark (\w+)" d="([^"]+)"', page))
    assert shapes["long_entry"] == shapes["short_exit"] != shapes["short_entry"] == shapes["long_exit"]
    style = page.split("<style>")[1].split("</style>", maxsplit=1)[0]
    assert re.search(r"\.long_exit \{ fill: var\(--card\)", style)


def test_fills_are_drawn_on_the_scale_of_prices_adjusted_for_splits() -> None:
    builder = RunBuilder({"AAPL": [120.0, 60.0, 61.0]}, factors={"AAPL": [1.0, 2.0, 2.0]})
    builder.next_day()
    builder.trade("AAPL", 100, "120")
    builder.close_day().next_day()
    builder.split("AAPL", 2)
    builder.close_day().idle()
    data = json.loads(page_of(builder.completed()).split('id="data">')[1].split("</script>")[0])
    assert data["prices"][0]["v"] == [60.0, 60.0, 61.0]
    assert data["prices"][0]["m"]["p"] == [60.0]
    assert data["prices"][0]["m"]["x"] == ["buy 100 at 120, open (sma)"]


def test_hostile_text_stays_text() -> None:
    builder = RunBuilder({HOSTILE: [100.0, 101.0, 102.0]})
    builder.next_day()
    builder.trade(HOSTILE, 10, "100", strategy=HOSTILE, reason=HOSTILE)
    builder.close_day().next_day()
    builder.refuse(HOSTILE, 10, reason=HOSTILE, message=HOSTILE)
    builder.order(HOSTILE, 10, limit_price="5", strategy=HOSTILE)
    builder.close_day().next_day()
    builder.trade(HOSTILE, -5, "101", strategy=HOSTILE, reason=HOSTILE)
    builder.trade(HOSTILE, -5, "101", strategy=HOSTILE, reason=HOSTILE)
    builder.close_day()
    run = builder.completed(
        name=HOSTILE,
        run_id=HOSTILE,
        strategy_ids=(HOSTILE,),
        warnings=(HOSTILE,),
        notes=(HOSTILE,),
        conventions=(HOSTILE,),
        config={HOSTILE: HOSTILE},
        strategy_hashes={HOSTILE: HOSTILE},
        benchmark=BenchmarkSeries(HOSTILE, [0], [1.0]),
    )
    page = page_of(run)
    walk = Walk(page)
    assert walk.counts["script"] == 2
    assert "<script>alert" not in page
    assert "<title>" in page
    assert walk.counts["title"] == 1 + 3, "that of the page and of three markers"
    assert "<script>alert" not in Results(run)._repr_html_()
    data = json.loads(walk.scripts[1])
    assert data["prices"][0]["name"] == HOSTILE


def test_columns_of_trades_that_say_nothing_are_left_out() -> None:
    def columns(**costs: str) -> set[str]:
        builder = RunBuilder({"AAPL": [100.0, 101.0]})
        builder.next_day()
        builder.trade("AAPL", 10, "100", **costs)
        builder.trade("AAPL", -10, "101", purpose=OrderPurpose.CLOSE)
        page = page_of(builder.close_day().completed())
        return set(
            re.findall(r"<th[^>]*>([^<]+)</th>", page.split('class="sortable"')[1].split("</thead>")[0])
        )

    assert columns(commission="1", reason="why") - columns() == {"Commission", "Entry reason"}


def test_what_needs_the_script_is_hidden_without_it(page: str) -> None:
    for piece in re.findall(r"<[^>]*live-only[^>]*>", page.split("<script", maxsplit=1)[0]):
        assert piece.endswith(" hidden>")
    assert "[hidden] { display: none !important; }" in page


def test_the_same_run_gives_the_same_bytes() -> None:
    assert page_of(tiny_run()) == page_of(tiny_run())


def test_a_run_in_which_nothing_happened_has_a_page() -> None:
    builder = RunBuilder({"AAPL": [100.0, 101.0]})
    Walk(page_of(builder.completed()))
    page = page_of(builder.idle(2).completed(tape=None))
    walk = Walk(page)
    text = " ".join(walk.text)
    assert "No trade was closed." in text
    assert "Nothing was refused." in text
    assert "Prices and fills" not in text


def test_a_long_run_is_a_light_page() -> None:
    closes = [100.0 + (day * 37 % 101) / 7 for day in range(3300)]
    builder = RunBuilder({"AAPL": closes, "IBM": closes, "MSFT": closes})
    held = False
    for day in range(3300):
        builder.next_day()
        if day % 30 == 0:
            for symbol in ("AAPL", "IBM", "MSFT"):
                builder.trade(symbol, -10 if held else 10, str(closes[day]), reason="every thirty days")
            held = not held
        builder.close_day()
    page = page_of(builder.completed())
    assert len(page.encode()) < 1_000_000
    walk = Walk(page)
    assert "show all 165 rows" in " ".join(walk.text)
    assert page.count('<tr class="more">') == 165 - 25


def test_a_very_long_table_is_cut_and_many_fills_are_thinned_and_both_are_said() -> None:
    builder = RunBuilder({f"S{number:02d}": [100.0] for number in range(25)})
    builder.next_day()
    for _ in range(1_001):
        builder.trade("S00", 1, "100")
        builder.trade("S00", -1, "100", purpose=OrderPurpose.CLOSE)
    page = page_of(builder.close_day().completed())
    text = " ".join(Walk(page).text)
    assert "The first 1,000 of 1,001 trades are in this page" in text
    assert page.count('<tr class="more">') == 1_000 - 25
    assert "668 of 2,002 fills are shown." in text
    assert "S19 and 5 more" in text


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        (1234.5, "money", "1,234.50"),
        (-0.001, "money", "0.00"),
        (-0.1234, "percent", "-12.34 %"),
        (10.0, "price", "10.00"),
        (0.012345, "price", "0.012345"),
        (100.0, "quantity", "100"),
        (33.33333333, "quantity", "33.33333333"),
        (1_325_600_000_000_000, "instant", "2012-01-03 14:13"),
        (1200, "count", "1,200"),
        (None, "money", ""),
        ("text", "text", "text"),
    ],
)
def test_cells_are_written_as_a_trader_reads_them(value: float | str | None, form: str, text: str) -> None:
    assert cell_text(value, form) == text
