"""What trading costs in one run: its settings checked against its data and compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtrader.services.execution.cost_checks import check_costs
from qtrader.services.execution.costs import Costs, compile_costs
from qtrader.services.execution.market_facts import TapeFacts

if TYPE_CHECKING:
    from qtrader.engine.config import RunConfig
    from qtrader.services.data.assembly import LoadedData
    from qtrader.services.execution.costs import CustomModels


def run_costs(
    config: RunConfig, data: LoadedData, *, trading_starts_us: int, models: CustomModels | None
) -> Costs:
    """Compile the costs of a run.

    Raises:
        ConfigError: the data cannot support them; names setting, symbol and what would help.
    """
    execution = config.execution
    facts = TapeFacts(data.tape, data.calendars, data.actions)
    check_costs(
        execution.commission,
        execution.slippage,
        tape=data.tape,
        instruments={symbol: data.instruments[symbol] for symbol in data.tape.symbols},
        facts=facts,
        trading_starts_us=trading_starts_us,
        fills_at_decision=execution.market_fill == "same_close",
    )
    return compile_costs(
        execution.commission,
        execution.slippage,
        ledger_scale=config.portfolio.ledger_scale,
        facts=facts,
        models=models,
    )
