"""`qtrader contracts`: the event contracts that ship, and validation of documents against them."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from qtrader.errors import ConfigError, ContractError

_SHOWN_FAULTS = 20

app = typer.Typer(
    help="List, show and validate against the event contracts.", no_args_is_help=True, rich_markup_mode=None
)


@app.command("list")
def list_() -> None:
    """List every contract with what it is about."""
    from qtrader.contracts import registry

    names = registry.names()
    width = max(map(len, names))
    for name in names:
        typer.echo(f"{name:<{width}}  {registry.schema(name).get('description', '')}".rstrip())


@app.command()
def show(
    name: Annotated[
        str, typer.Argument(help="For example execution/fill.v1; without a version, the newest.")
    ],
    example: Annotated[
        bool, typer.Option("--example", help="Show the example document instead of the schema.")
    ] = False,
) -> None:
    """Show a contract's schema, or its example."""
    import json

    from qtrader.contracts import registry

    name = _full_name(name)
    if example:
        typer.echo(json.dumps(json.loads(registry.example(name)), indent=2, ensure_ascii=False))
    else:
        typer.echo(registry.schema_text(name).rstrip())


@app.command()
def validate(
    file: Annotated[str, typer.Argument(help="JSON, or one JSON document a line; - reads standard input.")],
) -> None:
    """Validate event documents; every fault is named with its line."""
    documents = _documents(file)
    place = "standard input" if file == "-" else file
    faults: list[str] = []
    found: Counter[str] = Counter()
    from qtrader.contracts import registry

    for line, document in documents:
        try:
            found[registry.validate_document(document).name] += 1
        except ContractError as error:
            faults.append(f"{place}:{line}: {error}")
    for name, count in sorted(found.items()):
        typer.echo(f"{count:>10,}  {name}")
    if faults:
        more = [f"… and {len(faults) - _SHOWN_FAULTS:,} more"] if len(faults) > _SHOWN_FAULTS else []
        msg = "\n".join(
            [f"{len(faults):,} of {len(documents):,} documents are not valid", *faults[:_SHOWN_FAULTS], *more]
        )
        raise ContractError(msg)


def _full_name(name: str) -> str:
    """Complete a name that leaves out the service, the version or both."""
    from qtrader.contracts import registry
    from qtrader.engine.config_errors import unknown

    known = registry.names()
    fits = [each for each in known if name in {each, each.rpartition("/")[2], *_without_version(each)}]
    if fits:
        return fits[-1]
    raise ContractError(unknown("contract", name, known))


def _without_version(name: str) -> tuple[str, str]:
    path = name.rpartition(".v")[0]
    return path, path.rpartition("/")[2]


def _documents(file: str) -> list[tuple[int, bytes]]:
    try:
        content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except FileNotFoundError:
        msg = f"{file}: no such file"
        raise ConfigError(msg) from None
    except OSError as error:
        msg = f"{file}: cannot be read: {error}"
        raise ConfigError(msg) from error
    lines = [(number, line) for number, line in enumerate(content.splitlines(), 1) if line.strip()]
    if not lines:
        msg = f"{file}: holds no document"
        raise ConfigError(msg)
    # One document written over several lines begins with a line that is no document by itself.
    is_by_line = len(lines) > 1 and lines[0][1].rstrip().endswith(b"}")
    return lines if is_by_line else [(1, content)]
