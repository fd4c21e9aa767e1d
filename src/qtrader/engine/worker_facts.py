"""What a strategy worker must be told at its start, taken from a run's configuration and data."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from qtrader.errors import ConfigError
from qtrader.libraries.strategies import LIBRARY
from qtrader.services.strategy.remote_facts import StrategyFacts, WorkerFacts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtrader.engine.config import RunConfig
    from qtrader.services.data.assembly import LoadedData
    from qtrader.services.strategy.protocol import StrategySpec


def worker_facts(
    config: RunConfig,
    data: LoadedData,
    specs: Sequence[StrategySpec],
    *,
    run_id: str,
    trading_starts_us: int,
) -> WorkerFacts:
    """Collect the facts of a run.

    Raises:
        ConfigError: a strategy or its parameters cannot be named to another process.
    """
    tape = data.tape
    return WorkerFacts(
        run_id=run_id,
        strategies=tuple(_strategy_facts(spec) for spec in specs),
        intervals=tape.intervals,
        intervals_of={symbol: tape.intervals_of(symbol) for symbol in tape.symbols},
        base_currency=config.portfolio.base_currency,
        ledger_scale=config.portfolio.ledger_scale,
        trading_starts_us=trading_starts_us,
        seed=config.run.seed,
        universe=None if data.universe is None else data.universe.memberships,
        quantity_steps={
            symbol: step for symbol in tape.symbols if (step := data.instruments[symbol].quantity_step) != 1
        },
        import_from=tuple(str(folder) for folder in config.import_from),
    )


def _strategy_facts(spec: StrategySpec) -> StrategyFacts:
    for name, value in spec.parameters.items():
        if not _is_plain(value):
            msg = (
                f"strategy {spec.identifier!r}: parameter {name} is {value!r}, which JSON cannot carry "
                "to another process; allowed are text, numbers, booleans, none, and lists and dicts of these"
            )
            raise ConfigError(msg)
    return StrategyFacts(
        spec.identifier, _reference(spec), dict(spec.parameters), spec.symbols, spec.intervals
    )


def _reference(spec: StrategySpec) -> str:
    found = spec.strategy
    if isinstance(found, str):
        return LIBRARY.get(found, found)
    if inspect.isclass(found) and found.__module__ != "__main__" and found.__qualname__ == found.__name__:
        return f"{found.__module__}:{found.__name__}"
    msg = (
        f"strategy {spec.identifier!r} is {found!r}, which another process cannot import; "
        'give a class of a module, or "module:Class", and its parameters'
    )
    raise ConfigError(msg)


def _is_plain(value: Any) -> bool:
    if type(value) is list:
        return all(_is_plain(item) for item in value)
    if type(value) is dict:
        return all(type(key) is str and _is_plain(item) for key, item in value.items())
    # A float that is not finite has no JSON; a subclass would come back as its base.
    is_finite = not isinstance(value, float) or abs(value) < float("inf")
    return type(value) in {str, int, float, bool, type(None)} and is_finite
