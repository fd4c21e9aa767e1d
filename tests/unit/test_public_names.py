"""What the packages offer can be imported from them, and importing them loads little."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

PACKAGES = {
    "qtrader": ["backtest", "sweep", "Strategy", "Context", "SignalIntention", "indicators"],
    "qtrader.events": ["EventBus", "PriceBarEvent", "SignalEvent", "FillEvent", "PortfolioStateEvent"],
    "qtrader.services.data": ["DataService"],
    "qtrader.services.strategy": ["StrategyService"],
    "qtrader.services.manager": ["ManagerService"],
    "qtrader.services.risk": ["RiskService"],
    "qtrader.services.execution": ["ExecutionService"],
    "qtrader.services.portfolio": ["PortfolioService", "LotTracker", "Position", "Lot", "LedgerEntry"],
    "qtrader.services.reporting": ["ReportingService"],
    "qtrader.engine": ["BacktestEngine"],
    "qtrader.research": ["RandomSampler", "Reals", "Sampler", "SweepMismatchError", "SweepResults"],
}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_offers_what_it_lists_and_what_the_specification_names(package: str) -> None:
    module = importlib.import_module(package)
    assert set(PACKAGES[package]) <= set(module.__all__)
    for name in module.__all__:
        assert getattr(module, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'Nonsense'; it has "):
        _ = module.Nonsense


def test_importing_the_packages_loads_no_library() -> None:
    program = (
        f"import sys, importlib\nfor name in {list(PACKAGES)!r}: importlib.import_module(name)\n"
        "print([name for name in ('polars', 'pydantic', 'numpy', 'yaml', 'typer') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
