"""The data service as the specification shows it: load a symbol, stream a session, refuse the rest."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from qtrader.clock import from_epoch_us
from qtrader.errors import ConfigError, DataError
from qtrader.events.event_bus import EventBus
from qtrader.events.events import CorporateActionEvent, PriceBarEvent
from qtrader.sample import SampleData
from qtrader.services.data.memory import load_frame
from qtrader.services.data.service import DataService
from qtrader.services.data.source import parse_sources

PRICE_FIELDS = ("open", "high", "low", "close")
SAMPLE = {
    "sources": {
        "us": {
            "path": "sample:bars.parquet",
            "calendar": "XNYS",
            "prices": "raw",
            "corporate_actions": "sample:corporate_actions.csv",
        }
    }
}


class Recorder:
    def __init__(self) -> None:
        self.events = []

    def publish(self, event: Any) -> None:
        self.events.append(event)


@pytest.fixture
def service() -> DataService:
    return DataService(event_bus=Recorder(), config=SAMPLE, run_id="run")


def published(service: DataService) -> list[tuple[str, str, datetime]]:
    return [(type(event).__name__, event.symbol, event.occurred_at) for event in service._event_bus.events]


def test_a_session_s_bar_is_published_after_the_actions_that_take_effect_at_its_open(
    service: DataService,
) -> None:
    service.load_data(symbol="AAPL", start_date="2005-01-01")
    assert service.stream_bar(datetime.fromisoformat("2005-02-28")) == 2
    split, bar = service._event_bus.events
    assert isinstance(split, CorporateActionEvent)
    assert (split.action_id, split.run_id, split.source_service) == (
        "AAPL:2005-02-28:split",
        "run",
        "data_service",
    )
    assert split.occurred_at == bar.opened_at == datetime(2005, 2, 28, 14, 30, tzinfo=UTC)
    assert isinstance(bar, PriceBarEvent)
    assert (bar.symbol, bar.close, bar.signal_factor, bar.run_id) == ("AAPL", 44.86, 2.0, "run")
    assert bar.closed_at == datetime(2005, 2, 28, 21, tzinfo=UTC)


@pytest.mark.parametrize(
    "session",
    [
        "2005-03-01",
        date(2005, 3, 1),
        datetime.fromisoformat("2005-03-01"),
        datetime(2005, 3, 1, 21, tzinfo=UTC),
        "2005-03-01T21:00:00Z",
    ],
)
def test_a_session_is_named_by_its_date_or_by_the_instant_of_its_close(
    service: DataService, session: Any
) -> None:
    service.load_data("AAPL", date(2005, 1, 3), datetime.fromisoformat("2005-12-30"))
    assert service.stream_bar(session) == 1
    assert published(service) == [("PriceBarEvent", "AAPL", datetime(2005, 3, 1, 21, tzinfo=UTC))]


def test_every_loaded_symbol_is_streamed_in_the_order_of_the_tape(service: DataService) -> None:
    for symbol in ("MSFT", "AAPL", "IBM"):
        service.load_data(symbol, "2012-11-01")
    assert service.stream_bar("2012-11-07") == 5
    assert [(kind, symbol) for kind, symbol, _at in published(service)] == [
        ("CorporateActionEvent", "AAPL"),
        ("CorporateActionEvent", "IBM"),
        ("PriceBarEvent", "AAPL"),
        ("PriceBarEvent", "IBM"),
        ("PriceBarEvent", "MSFT"),
    ]


def test_a_day_without_a_session_has_no_bar(service: DataService) -> None:
    service.load_data("AAPL", "2005-01-01")
    assert service.stream_bar(date(2005, 2, 27)) == 0


def test_bars_reach_the_subscribers_of_the_event_bus() -> None:
    bus, seen = EventBus(), []
    bus.subscribe("bar", seen.append)
    service = DataService(event_bus=bus, config=SAMPLE)
    service.load_data(symbol="AAPL", start_date="2005-01-01")
    service.stream_bar(datetime.fromisoformat("2005-02-28"))
    assert [bar.close for bar in seen] == [44.86]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda service: service.load_data("GOOG"),
            "symbol 'GOOG' is in no source; known are AAPL, IBM, MSFT",
        ),
        (
            lambda service: service.load(["AAPL", "GOOG"]),
            "symbol 'GOOG' is in no source; known are AAPL, IBM, MSFT",
        ),
        (lambda service: service.load([]), "no symbol is asked for"),
        (
            lambda service: service.load_data("AAPL", "2020-01-01"),
            "AAPL: no bar from 2020-01-01 to the end; available are 2000-03-01 to 2013-03-01",
        ),
        (
            lambda service: service.load_data("AAPL", "2005-03-01", "2005-02-01"),
            "AAPL: no bar from 2005-03-01 to 2005-02-01; available are",
        ),
        (lambda service: service.load(end="1999-01-01"), "no bar from the beginning to 1999-01-01"),
        (
            lambda service: service.load_data("AAPL", "01/02/2020"),
            "'01/02/2020' is no date; allowed are dates",
        ),
        (
            lambda service: service.load_data("AAPL", datetime.fromisoformat("2005-01-03 09:00")),
            "2005-01-03T09:00:00 has a time but no zone",
        ),
        (lambda service: service.stream_bar(date(2005, 1, 3)), "no data is loaded; call load_data"),
        (
            lambda service: (service.load_data("AAPL"), service.stream_bar("2020-01-02")),
            "2020-01-02 lies outside the loaded bars; they go from 2000-03-01 to 2013-03-01",
        ),
        (
            lambda service: (service.load_data("AAPL"), service.stream_bar("1999-01-04")),
            "1999-01-04 lies outside the loaded bars",
        ),
    ],
)
def test_what_is_not_there_is_refused_with_what_is(service: DataService, call: Any, message: str) -> None:
    with pytest.raises(DataError) as refusal:
        call(service)
    assert message in str(refusal.value)


def test_a_session_is_streamed_once_and_in_order(service: DataService) -> None:
    service.load_data("AAPL", "2005-01-01")
    service.stream_bar("2005-01-04")
    for session in ("2005-01-03", "2005-01-04"):
        with pytest.raises(DataError) as refusal:
            service.stream_bar(session)
        assert str(refusal.value).startswith(
            f"{session} cannot be streamed: everything up to 2005-01-04T21:00:00+00:00 is streamed already; "
            "stream sessions in order"
        )
    assert service.stream_bar("2005-01-05") == 1


def test_a_service_without_a_bus_only_loads() -> None:
    service = DataService(config=SAMPLE)
    service.load_data("IBM")
    with pytest.raises(ConfigError, match="has no event bus"):
        service.stream_bar("2005-01-03")


def test_loading_everything_describes_the_market() -> None:
    loaded = DataService(config=SAMPLE).load()
    assert loaded.tape.symbols == SampleData().symbols
    assert len(loaded.tape) == loaded.report.rows_kept == 9810
    assert loaded.calendars["AAPL"].name == "XNYS"
    assert loaded.instruments["IBM"].currency == "USD"
    assert loaded.universe is None
    instants = [instant for instant, _action in loaded.actions]
    assert instants == sorted(instants)
    assert load_frame(SampleData()).tape.fingerprint == loaded.tape.fingerprint
    assert load_frame(parse_sources(SAMPLE)).tape.fingerprint == loaded.tape.fingerprint
    assert (
        load_frame(SampleData(), symbols=["IBM"]).tape.fingerprint == loaded.tape.select(["IBM"]).fingerprint
    )


def test_a_range_of_dates_includes_both_ends() -> None:
    loaded = DataService(config=SAMPLE).load(["IBM"], "2005-01-03", "2005-01-05")
    assert [from_epoch_us(at).date().day for at in loaded.tape.closed_at_us.tolist()] == [3, 4, 5]
    instants = DataService(config=SAMPLE).load(
        ["IBM"], datetime(2005, 1, 3, 21, tzinfo=UTC), datetime(2005, 1, 4, 21, tzinfo=UTC)
    )
    assert len(instants.tape) == 2


def test_actions_until_the_first_open_have_nothing_to_change() -> None:
    first = DataService(config=SAMPLE).load(["AAPL"], "2005-02-28")
    assert all(action.ex_date > date(2005, 2, 28) for _at, action in first.actions)
    assert first.tape.signal_factor[0] == 1.0
    before = DataService(config=SAMPLE).load(["AAPL"], "2005-02-25")
    assert before.tape.signal_factor[:2].tolist() == [1.0, 2.0]


def test_several_exchanges_intervals_and_currencies_are_on_one_tape(tmp_path: Path) -> None:
    prices = "10,11,9,10.5,100"
    (tmp_path / "VOD.csv").write_text(f"date,open,high,low,close,volume\n2024-03-08,{prices}\n")
    (tmp_path / "7203.csv").write_text(f"date,open,high,low,close,volume\n2024-03-08,{prices}\n")
    (tmp_path / "A-1m.csv").write_text(
        f"symbol,timestamp,open,high,low,close,volume\nA,2024-03-08 15:58,{prices}\nA,2024-03-08 "
        f"15:59,{prices}\n"
    )
    (tmp_path / "A-1d.csv").write_text(
        f"symbol,timestamp,open,high,low,close,volume\nA,2024-03-08,{prices}\n"
    )
    (tmp_path / "universe.csv").write_text("symbol,from,to\nVOD,2024-01-01,\n")
    (tmp_path / "data_sources.yaml").write_text(
        """
sources:
  london: {path: VOD.csv, calendar: XLON, currency: GBP, universe: universe.csv}
  tokyo: {path: 7203.csv, calendar: XTKS, currency: JPY, tick_size: 1, quantity_step: 100}
  minutes: {path: A-1m.csv, calendar: XNYS, timezone: America/New_York, bar_label: open}
  daily: {path: A-1d.csv, calendar: XNYS}
"""
    )
    loaded = DataService(config=tmp_path / "data_sources.yaml").load(start="2024-03-08", end="2024-03-08")
    assert [
        (bar.symbol, bar.interval, bar.closed_at.time().isoformat("minutes")) for bar in loaded.tape.bars()
    ] == [
        ("7203", "1d", "06:00"),
        ("VOD", "1d", "16:30"),
        ("A", "1m", "20:59"),
        ("A", "1m", "21:00"),
        ("A", "1d", "21:00"),
    ]
    assert loaded.tape.matching_rows_of("A").tolist() == [2, 3]
    assert [loaded.instruments[symbol].currency for symbol in loaded.tape.symbols] == ["JPY", "USD", "GBP"]
    assert loaded.instruments["7203"].quantity_step == 100
    assert loaded.universe is not None
    assert loaded.universe.members(date(2024, 3, 8)) == ("VOD",)


def test_two_sources_may_not_describe_a_symbol_differently(tmp_path: Path) -> None:
    (tmp_path / "A.csv").write_text("date,open,high,low,close\n2024-03-08,10,11,9,10\n")
    (tmp_path / "B.csv").write_text("date,open,high,low,close\n2024-03-11,10,11,9,10\n")
    config = {
        "sources": {
            "one": {"path": str(tmp_path / "A.csv"), "symbol": "A"},
            "two": {"path": str(tmp_path / "B.csv"), "symbol": "A", "currency": "EUR"},
        }
    }
    with pytest.raises(ConfigError, match="instrument 'A' is defined twice"):
        DataService(config=config).load()


def test_a_source_s_own_range_holds_too(tmp_path: Path) -> None:
    SampleData().bars.filter(pl.col("symbol") == "IBM").write_csv(tmp_path / "IBM.csv")
    config = {
        "sources": {
            "us": {
                "path": str(tmp_path / "IBM.csv"),
                "calendar": "XNYS",
                "start": "2005-01-03",
                "end": "2005-01-31",
            }
        }
    }
    assert len(DataService(config=config).load().tape) == 20
    assert len(DataService(config=config).load(start="2005-01-10").tape) == 15


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"colour": "red"}, "data: colour: unknown key; allowed are path, format"),
        ({"prices": "adjusted"}, "data: prices: Input should be 'raw'"),
        ({"corporate_actions": 42}, "corporate_actions: cannot read a builtins.int"),
    ],
)
def test_arguments_of_the_notebook_s_way_in_are_checked(arguments: Any, message: str) -> None:
    with pytest.raises((ConfigError, DataError)) as refusal:
        load_frame(SampleData(), **arguments)
    assert message in str(refusal.value)


def test_declared_sources_take_no_further_declarations() -> None:
    with pytest.raises(ConfigError, match="declared sources say everything themselves"):
        load_frame(parse_sources(SAMPLE), prices="raw")


def test_actions_and_universe_may_be_events_frames_and_paths(tmp_path: Path) -> None:
    sample = SampleData()
    universe = pl.DataFrame({"symbol": ["IBM"], "from": [date(2000, 1, 1)], "to": [None]})
    universe.write_csv(tmp_path / "universe.csv")
    whole = load_frame(sample, symbols="IBM")
    events = [action for _at, action in whole.actions]
    for actions in (
        events,
        sample.corporate_actions,
        sample.corporate_actions_csv_path,
        sample.corporate_actions.to_pandas(),
    ):
        loaded = load_frame(sample, symbols="IBM", corporate_actions=actions, universe=universe)
        assert loaded.actions == whole.actions
        assert loaded.universe is not None
        assert loaded.universe.members(date(2005, 1, 1)) == ("IBM",)
    declared = load_frame(
        sample.bars_csv_path,
        symbols="IBM",
        calendar="XNYS",
        prices="raw",
        corporate_actions=sample.corporate_actions_path,
        universe=tmp_path / "universe.csv",
    )
    assert declared.actions == whole.actions
    assert declared.tape.fingerprint == whole.tape.fingerprint
    assert load_frame(sample, symbols="IBM", universe=declared.universe).universe is declared.universe


def test_bars_and_actions_before_the_calendar_begins_may_be_left_out_by_the_range() -> None:
    data = {"date": ["1985-03-01", "1990-01-02", "1990-01-03"], **dict.fromkeys(PRICE_FIELDS, [10.0] * 3)}
    actions = {"symbol": ["A"], "ex_date": ["1980-01-02"], "action": ["split"], "ratio": ["2"]}
    declared = {"symbol": "A", "calendar": "XNYS", "prices": "raw", "corporate_actions": actions}
    with pytest.raises(DataError, match="calendar XNYS covers 1990-01-01 to"):
        load_frame(data, **declared)
    loaded = load_frame(data, start="1990-01-01", **declared)
    assert (len(loaded.tape), loaded.actions) == (2, ())
    with pytest.raises(DataError, match="available are 1985-03-01 to 1990-01-03"):
        load_frame(data, start="1991-01-01", **declared)
    instant = datetime(1990, 1, 3, 21, tzinfo=UTC)
    assert len(load_frame(data, start=instant, end=instant, **declared).tape) == 1
