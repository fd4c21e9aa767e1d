"""What crosses between an engine and a strategy worker beside events.

Before: the facts that no event states, as JSON on the worker's command line. After: what strategies logged
and recorded, or why the worker failed, as one marked line on its standard error, where everything that
strategies print goes too. So the pipe between the two carries contract JSON and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from qtrader import errors
from qtrader.errors import QTraderError
from qtrader.market.universe import Membership

if TYPE_CHECKING:
    from qtrader.services.strategy.context import Context

#: Begins a line on standard error that is for the engine; an ASCII record separator, which nobody prints.
MARK = b"\x1eqtrader-worker "

#: No argument of a command may be longer than 128 KiB on Linux, so the facts are cut into several.
_ARGUMENT_CHARACTERS = 30_000


class StrategyFacts(msgspec.Struct, frozen=True):
    """One strategy: `reference` is "module:Class"; `symbols` and `intervals` that are None are all."""

    strategy_id: str
    reference: str
    parameters: dict[str, Any]
    symbols: tuple[str, ...] | None = None
    intervals: tuple[str, ...] | None = None


class WorkerFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker must be told before the first event.

    `intervals` are those of the run, the finest first, and `intervals_of` those of which each symbol has
    bars; marks are made of the first, and the keys are the symbols of the run, in order. `quantity_steps`
    are what quantities are multiples of, 1 for a symbol without. `opened_at_us` is the instant of `on_start`.
    """

    run_id: str
    strategies: tuple[StrategyFacts, ...]
    intervals: tuple[str, ...]
    intervals_of: dict[str, tuple[str, ...]]
    base_currency: str
    ledger_scale: int
    trading_starts_us: int
    seed: int
    universe: tuple[Membership, ...] | None = None
    import_from: tuple[str, ...] = ()
    quantity_steps: dict[str, Decimal] = {}
    opened_at_us: int = 0

    def to_arguments(self) -> list[str]:
        """Write the facts as arguments of a command."""
        text = msgspec.json.encode(self).decode()
        return [
            text[start : start + _ARGUMENT_CHARACTERS] for start in range(0, len(text), _ARGUMENT_CHARACTERS)
        ]

    @classmethod
    def from_arguments(cls, arguments: Sequence[str]) -> WorkerFacts:
        """Read what `to_arguments` wrote."""
        return msgspec.json.decode("".join(arguments), type=cls)


class WorkerFailure(msgspec.Struct, frozen=True, tag="failure"):
    """An error of QTrader's that ended a worker; `error` is the name of its class in `qtrader.errors`."""

    error: str
    message: str
    traceback: str

    @classmethod
    def of(cls, error: QTraderError, traceback: str) -> WorkerFailure:
        """Describe an error; a subclass from elsewhere goes by its nearest base of QTrader's."""
        known = next(base.__name__ for base in type(error).__mro__ if base.__module__ == errors.__name__)
        return cls(known, str(error), traceback)

    def to_error(self) -> QTraderError:
        """Build the error again, with the worker's traceback as a note."""
        cls: type[QTraderError] = getattr(errors, self.error)
        error = cls(self.message)
        error.add_note(f"In the strategy worker:\n{self.traceback}")
        return error


class StrategyNotes(msgspec.Struct, frozen=True):
    """What one strategy logged and recorded, as its context keeps it."""

    logs: list[tuple[int, str, dict[str, Any]]] = []
    records: list[tuple[int, str, float]] = []


class WorkerNotes(msgspec.Struct, frozen=True, tag="notes"):
    """What the strategies of a finished worker logged and recorded, by strategy id."""

    logs: dict[str, list[tuple[int, str, dict[str, Any]]]]
    #: Values as text, because JSON has neither NaN nor infinity.
    records: dict[str, list[tuple[int, str, str]]]

    @classmethod
    def of(cls, contexts: Mapping[str, Context]) -> WorkerNotes:
        """Collect the notes of contexts."""
        return cls(
            {name: context.logs for name, context in contexts.items()},
            {
                name: [(at_us, series, repr(value)) for at_us, series, value in context.records]
                for name, context in contexts.items()
            },
        )

    def by_strategy(self) -> dict[str, StrategyNotes]:
        """Give the notes as contexts have them; fields of a log are plain JSON values."""
        return {
            name: StrategyNotes(
                lines, [(at_us, series, float(value)) for at_us, series, value in self.records[name]]
            )
            for name, lines in self.logs.items()
        }


_to_json = msgspec.json.Encoder(enc_hook=str).encode


def report_line(report: WorkerFailure | WorkerNotes) -> bytes:
    """Write a report as a line for standard error."""
    return MARK + _to_json(report) + b"\n"


def read_report(document: bytes) -> WorkerFailure | WorkerNotes:
    """Read what follows the mark of such a line."""
    report: WorkerFailure | WorkerNotes = msgspec.json.decode(document, type=WorkerFailure | WorkerNotes)
    return report
