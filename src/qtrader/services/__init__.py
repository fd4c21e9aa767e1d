"""The services of a run: data, strategy, manager, risk, execution, portfolio and reporting; none imports another."""
