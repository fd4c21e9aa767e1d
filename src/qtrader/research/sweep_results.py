"""What a sweep found: a table of all sets, the best of them, and the whole run of any.

Nothing is computed before it is asked for. The table has a row for every set that ran, in the order in which
sets were asked for; what was refused stands in a table of its own.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtrader.errors import ConfigError
from qtrader.research.grid import as_set, identity_of, shown
from qtrader.research.sweep_board import Gear

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

    from qtrader.engine.results import Results
    from qtrader.research.grid import ParameterSet
    from qtrader.research.heatmap import Heatmap
    from qtrader.research.sweep import Sweep
    from qtrader.research.sweep_board import Board


class SweepResults:
    """Show a finished sweep.

    Args:
        sweep: what was asked for.
        board: what came of it.
    """

    def __init__(self, sweep: Sweep, board: Board) -> None:
        self.sweep = sweep
        self.board = board

    def __len__(self) -> int:
        """Count the sets that ran."""
        return self.board.run_count

    @property
    def metric(self) -> str:
        """The measure by which sets are ranked."""
        return self.board.objective.metric

    @property
    def tried(self) -> int:
        """How many sets ran: out of so many the best was chosen."""
        return self.board.run_count

    @property
    def verified(self) -> tuple[int, ...]:
        """The numbers of the best sets of the kernel that the engine has confirmed; none with `verify=0`."""
        return tuple(sorted(self.board.verified))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The parameters, in the order in which they were first named."""
        return tuple(dict.fromkeys(name for parameters in self.board.sets for name in parameters))

    @cached_property
    def _defaults(self) -> dict[str, Any]:
        return self.sweep.maker.defaults

    def parameters(self, which: int) -> ParameterSet:
        """Return the parameters of a set by its number.

        Raises:
            ConfigError: there is no such set.
        """
        if isinstance(which, bool) or not isinstance(which, int) or not 0 <= which < len(self.board.sets):
            msg = f"sweep: there is no set {which!r}; they are numbered 0 to {len(self.board.sets) - 1:,}"
            raise ConfigError(msg)
        return dict(self.board.sets[which])

    def number(self, which: int | Mapping[str, Any]) -> int:
        """Return the number of a set that ran, given its number or its parameters.

        Raises:
            ConfigError: there is no such set, or it was refused.
        """
        if isinstance(which, int):
            found: int | None = which
            self.parameters(which)
        else:
            found = self._numbers.get(identity_of(as_set(which, "sweep: the set")))
        if found is None:
            msg = f"sweep: no set has {shown(dict(which))}" if not isinstance(which, int) else ""
            raise ConfigError(msg)
        if self.board.gears[found] == Gear.REFUSED:
            what, reason = shown(self.board.sets[found]), self.board.reasons[found]
            msg = f"sweep: set {found} ({what}) did not run: {reason}"
            raise ConfigError(msg)
        return found

    @cached_property
    def _numbers(self) -> dict[tuple[Any, ...], int]:
        return {identity_of(parameters): number for number, parameters in enumerate(self.board.sets)}

    @cached_property
    def ranking(self) -> tuple[int, ...]:
        """The numbers of the sets that ran, the best first; sets without the measure last."""
        return tuple(self.board.ranked())

    @property
    def best_parameters(self) -> ParameterSet:
        """The parameters of the best set, for `qt.backtest(..., parameters=...)`."""
        return dict(self.board.sets[self.ranking[0]])

    @property
    def best_value(self) -> float | None:
        """The measure of the best set; None where no set has it."""
        return self.board.value_of(self.ranking[0])

    @cached_property
    def table(self) -> pl.DataFrame:
        """One row per set that ran: set, parameters, measures, gear, reason, verified.

        `gear` is kernel or engine, `reason` says why it was the engine, `verified` whether the numbers are
        the engine's or confirmed by it.
        """
        from qtrader.research.sweep_frames import table_frame

        return table_frame(self.board, self.names, self._defaults, self.board.ran.tolist())

    @cached_property
    def refused(self) -> pl.DataFrame:
        """One row per set that the strategy or a sampler's constraint refused: set, parameters, reason."""
        from qtrader.research.sweep_frames import refused_frame

        return refused_frame(self.board, self.names, self._defaults)

    def best(self, n: int = 10) -> pl.DataFrame:
        """Return the rows of the best sets, the best first."""
        from qtrader.research.sweep_frames import table_frame

        return table_frame(self.board, self.names, self._defaults, list(self.ranking[:n]))

    @property
    def seconds(self) -> dict[str, float]:
        """How long the sets took, and how long the verification, without loading; for display only."""
        return {"sweep": self.board.sweep_seconds, "verify": self.board.verify_seconds}

    @property
    def gear_counts(self) -> dict[str, int]:
        """How many sets ran in which gear, and how many were refused."""
        gears = self.board.gears
        return {
            gear.name.lower(): int((gears == gear).sum()) for gear in (Gear.KERNEL, Gear.ENGINE, Gear.REFUSED)
        }

    @cached_property
    def engine_reasons(self) -> dict[str, int]:
        """Why sets ran in the engine, and how many for each reason, most frequent first."""
        return self._counted(Gear.ENGINE)

    @cached_property
    def refusal_reasons(self) -> dict[str, int]:
        """Why sets were refused, and how many for each reason, most frequent first."""
        return self._counted(Gear.REFUSED)

    def _counted(self, gear: Gear) -> dict[str, int]:
        counts: dict[str, int] = {}
        for number, reason in sorted(self.board.reasons.items()):
            if self.board.gears[number] == gear:
                counts[reason] = counts.get(reason, 0) + 1
        return dict(sorted(counts.items(), key=lambda item: -item[1]))

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to know before believing the best set."""
        from qtrader.research.sweep_frames import warnings_of

        return warnings_of(self)

    def results(self, which: int | Mapping[str, Any]) -> Results:
        """Run a set through the engine, here, and return everything about it.

        Args:
            which: its number or its parameters.
        """
        from qtrader.research.sweep_engine import results_of

        number, sweep = self.number(which), self.sweep
        parameters = self.board.sets[number]
        return results_of(sweep.config, sweep.inputs, sweep.maker.spec_of(parameters), parameters)

    def equity(self, which: int | Mapping[str, Any]) -> pl.DataFrame:
        """Return a set's equity at the starting capital and at each session close: valued_at, equity.

        It is run again in its gear, and not kept.

        Args:
            which: its number or its parameters.
        """
        from qtrader.research.sweep_frames import equity_frame

        number = self.number(which)
        if self.board.gears[number] == Gear.ENGINE:
            return self.results(number).equity_curve.select("valued_at", "equity")
        tape, found = self.sweep.kernel_record(self.board, [number])
        return equity_frame(self.sweep, tape.valued_at_us, found)

    def heatmap(
        self,
        x: str,
        y: str | None = None,
        metric: str | None = None,
        *,
        at: Mapping[str, Any] | None = None,
    ) -> Heatmap:
        """Return a picture of a measure over one or two parameters, for a notebook or a file.

        Args:
            x: the parameter across.
            y: the parameter upwards; without one there is one row.
            metric: a measure of the table; by default the one that ranks.
            at: values of other parameters; where others still vary, a cell shows the best of them.

        Raises:
            ConfigError: there is no such parameter, measure or value.
        """
        from qtrader.research.heatmap import heatmap_of

        return heatmap_of(self, x, y, metric or self.metric, dict(at or {}))

    def to_csv(self, path: str | Path) -> Path:
        """Write the table as CSV and return the path.

        Raises:
            OutputError: the file cannot be written.
        """
        from qtrader.services.reporting.export import to_csv, write_file

        return write_file(Path(path), to_csv(self.table))

    def to_parquet(self, path: str | Path) -> Path:
        """Write the table as Parquet and return the path.

        Raises:
            OutputError: the file cannot be written.
        """
        from qtrader.services.reporting.export import to_parquet, write_file

        return write_file(Path(path), to_parquet(self.table))

    def save(self, directory: str | Path) -> Path:
        """Write a directory `<name>-sweep-<id>` with tables, heatmap and manifest, and return its path.

        Args:
            directory: the directory of all runs.

        Raises:
            OutputError: it cannot be written, or something else stands in its place.
        """
        from qtrader.research.sweep_directory import save_sweep

        return save_sweep(self, Path(directory)).path

    def __repr__(self) -> str:
        from qtrader.research.sweep_frames import summary_text

        return summary_text(self)

    def _repr_html_(self) -> str:
        from qtrader.research.sweep_frames import summary_html

        return summary_html(self)
