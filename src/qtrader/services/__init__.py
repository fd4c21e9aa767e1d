"""The services of a run: data, strategy, manager, risk, execution, portfolio, reporting."""
