"""Run the shipped example: two moving averages on daily prices of AAPL, IBM and MSFT.

    python basic_run_example.py

reads `config/system.yaml` and the files that it names, prints a summary, and as its last line the path of the
report.
"""

from __future__ import annotations

from qtrader import BacktestEngine


def main() -> None:
    """Run the backtest that the configuration describes."""
    engine = BacktestEngine.from_config()
    results = engine.run()
    print(results)
    print(results.save("runs") / "report.html")


if __name__ == "__main__":
    main()
