"""Several strategies in one account, and a comparison of parameters."""

from __future__ import annotations

import qtrader as qt


def main() -> None:
    """Run two strategies side by side, then one with several parameters."""
    data = qt.sample_data()
    together = qt.backtest(
        data,
        [
            qt.StrategySpec("SMADualCrossStrategy", "slow", {"fast": 50, "slow": 200}, ("AAPL", "MSFT")),
            qt.StrategySpec("BuyAndHoldStrategy", "hold", symbols=("IBM",)),
        ],
    )
    print(together)
    for fast, slow in ((10, 50), (20, 100), (50, 200)):
        results = qt.backtest(data, "SMADualCrossStrategy", parameters={"fast": fast, "slow": slow})
        metrics = results.metrics
        print(
            f"{fast:>3}/{slow:<3}  CAGR {metrics['cagr']:7.2%}  deepest fall {metrics['max_drawdown']:7.2%}"
        )


if __name__ == "__main__":
    main()
