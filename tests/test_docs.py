"""The documentation is true: its code runs, its outputs are what comes out, and what it names exists."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
from tests.documentation import LANGUAGES, ROOT, Page, Reader, is_as_expected, is_looked_up, pages, read_page
from typer.testing import CliRunner

import qtrader
from qtrader.cli.app import app
from qtrader.contracts import registry
from qtrader.engine.config import DataSelection, ReportingSettings, RunSettings, StrategyConfig
from qtrader.engine.wiring import REMOTE_SUBSCRIPTIONS, SUBSCRIPTIONS
from qtrader.research.sweep_settings import SweepSettings
from qtrader.services.data.source import DataSource
from qtrader.services.execution.messages import Reason
from qtrader.services.execution.settings import ExecutionSettings
from qtrader.services.portfolio.settings import PortfolioSettings
from qtrader.services.risk.policy import Limits, RiskPolicy
from qtrader.services.strategy.protocol import HANDLERS

PAGES = {page.name: page for page in pages()}
EXECUTED = [
    name
    for name, page in PAGES.items()
    if any(b.language in ("python", "bash", "yaml", "json") for b in page.blocks)
]
every_page = pytest.mark.parametrize("name", PAGES)

#: What belongs to a document that every project has, whatever it is about.
REQUIRED = (
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "docs/tutorial.md",
    "docs/conventions.md",
    "docs/architecture.md",
)


@pytest.mark.parametrize("name", EXECUTED)
def test_code_and_commands_run_and_print_what_the_page_shows(name: str, tmp_path: Path) -> None:
    Reader(PAGES[name], tmp_path).read()


@every_page
def test_blocks_are_executable_or_say_why_not(name: str) -> None:
    for block in PAGES[name].blocks:
        place = f"{name}:{block.line}"
        assert block.language in LANGUAGES, f"{place}: language {block.language!r}; allowed are {LANGUAGES}"
        is_explained = block.unrun_reason is not None or block.file is not None or block.is_output
        assert block.language != "text" or is_explained, f"{place}: nothing shows that this text is true"
        assert block.unrun_reason is None or len(block.unrun_reason) > 10, f"{place}: no reason is given"


def test_almost_every_block_runs() -> None:
    blocks = [
        block for page in PAGES.values() for block in page.blocks if block.language in ("python", "bash")
    ]
    assert len(blocks) > 40
    assert [block.text for block in blocks if block.unrun_reason is not None] == []


@every_page
def test_links_lead_somewhere(name: str) -> None:
    page = PAGES[name]
    for link in page.links:
        target, _, anchor = link.partition("#")
        if target.startswith(("http://", "https://")):
            continue
        file = (page.path.parent / target).resolve() if target else page.path
        assert file.exists(), f"{name}: {link} leads nowhere"
        if anchor:
            assert anchor in read_page(file).anchors, f"{name}: {link}: no such heading"


@every_page
def test_commands_that_are_not_run_exist(name: str) -> None:
    page = PAGES[name]
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for command in page.commands:
        words = command.split()
        if not is_looked_up(command) or len(words) == 1:
            continue
        if words[0] == "make":
            goals = [word for word in words[1:] if "=" not in word and re.fullmatch(r"[a-z-]+", word)]
            assert set(goals) <= targets, f"{name}: {command}: targets are {sorted(targets)}"
        elif words[0] == "uv":
            assert words[1] in ("sync", "run", "pip"), f"{name}: {command}"
            scripts = [word for word in words if word.endswith(".py")]
            assert all((ROOT / script).exists() for script in scripts), f"{name}: {command}"
        else:
            assert words[1] in ("clone", "install", "check"), f"{name}: {command}"


def test_every_make_target_is_documented() -> None:
    text = PAGES["CONTRIBUTING.md"].path.read_text()
    targets = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert [target for target in targets if f"`make {target}`" not in text and target != "help"] == []


@every_page
def test_named_subcommands_and_options_exist(name: str) -> None:
    for command in PAGES[name].commands:
        if command.startswith("qtrader ") and "COMMAND" not in command:
            _check_command_line(name, command)


def _check_command_line(name: str, command: str) -> None:
    words = shlex.split(re.split(r" [|>;&]", command, maxsplit=1)[0])[1:]
    found: Any = typer.main.get_command(app)
    known = {option for parameter in found.params for option in parameter.opts} | {"--help", "-h"}
    while words and hasattr(found, "commands") and not words[0].startswith("-"):
        assert words[0] in found.commands, f"{name}: {command}: no command {words[0]!r}"
        found = found.commands[words.pop(0)]
        known |= {option for parameter in found.params for option in parameter.opts}
    options = [word.partition("=")[0].strip("[]") for word in words]
    unknown = [option for option in options if re.match(r"--?[a-z]", option) and option not in known]
    assert not unknown, f"{name}: {command}: no option {unknown}"


def _leaves(command: Any, path: str = "qtrader") -> list[tuple[str, Any]]:
    if not hasattr(command, "commands"):
        return [(path, command)]
    return [leaf for name, each in command.commands.items() for leaf in _leaves(each, f"{path} {name}")]


def test_cli_page_names_every_command_and_option() -> None:
    text = PAGES["docs/cli.md"].path.read_text()
    for path, command in _leaves(typer.main.get_command(app)):
        assert f"`{path}" in text, path
        for parameter in command.params:
            options = [option for option in parameter.opts if option.startswith("--")]
            assert all(f"`{option}" in text for option in options), (path, options)


def test_cli_page_names_every_key_of_a_configuration() -> None:
    text = PAGES["docs/cli.md"].path.read_text()
    models = (
        RunSettings,
        DataSelection,
        StrategyConfig,
        ReportingSettings,
        PortfolioSettings,
        ExecutionSettings,
        SweepSettings,
        RiskPolicy,
        Limits,
    )
    missing = [
        f"{model.__name__}.{key}" for model in models for key in model.model_fields if f"`{key}`" not in text
    ]
    assert missing == []


def test_data_page_names_every_key_of_a_source() -> None:
    text = PAGES["docs/data.md"].path.read_text()
    assert [key for key in DataSource.model_fields if f"`{key}`" not in text] == []


def test_strategy_page_names_every_handler_and_everything_of_a_context() -> None:
    text = PAGES["docs/strategies.md"].path.read_text()
    internal = {"turn_to", "now_us", "is_stopped", "logs", "records"}
    public = {name for name in dir(qtrader.Context) if not name.startswith("_")} - internal
    assert [name for name in sorted({*HANDLERS, *public}) if not re.search(rf"`[^`]*\b{name}\b", text)] == []


@every_page
def test_what_is_said_of_a_context_exists(name: str) -> None:
    said = set(re.findall(r"\bcontext\.([a-z_]+)", PAGES[name].path.read_text()))
    assert sorted(said - set(dir(qtrader.Context))) == []


def test_every_public_name_is_documented() -> None:
    text = "\n".join(page.path.read_text() for page in PAGES.values())
    assert [name for name in qtrader.__all__ if not re.search(rf"\b(qt|qtrader)\.{name}\b", text)] == []


def test_every_contract_is_in_the_architecture() -> None:
    text = PAGES["docs/architecture.md"].path.read_text()
    names = {name.rpartition(".v")[0] for name in registry.names()} - {"envelope"}
    assert [name for name in sorted(names) if f"`{name}`" not in text] == []


def test_architecture_shows_the_wiring() -> None:
    text = PAGES["docs/architecture.md"].path.read_text()
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \| `(\w+)` \|$", text, re.MULTILINE)
    assert tuple(rows) == SUBSCRIPTIONS + REMOTE_SUBSCRIPTIONS


def test_architecture_shows_the_house() -> None:
    text = PAGES["docs/architecture.md"].path.read_text()
    package = ROOT / "src" / "qtrader"
    folders = [
        entry.name for entry in sorted(package.iterdir()) if entry.is_dir() and entry.name != "__pycache__"
    ]
    services = [
        entry.name for entry in sorted((package / "services").iterdir()) if (entry / "__init__.py").exists()
    ]
    assert [name for name in [*folders, *services] if f"{name}/" not in text] == []
    named = {span for span in PAGES["docs/architecture.md"].spans if re.fullmatch(r"[a-z_/]+\.py", span)}
    assert [file for file in sorted(named) if not any(package.glob(f"**/{file}"))] == []


def test_the_execution_page_names_every_reason_of_a_step() -> None:
    text = PAGES["docs/execution.md"].path.read_text()
    reasons = [value for name, value in vars(Reason).items() if name.isupper()]
    assert len(reasons) > 20
    assert [reason for reason in reasons if f"`{reason}`" not in text] == []


def test_decision_records_are_numbered_and_complete() -> None:
    records = [page for name, page in PAGES.items() if name.startswith("docs/adr/")]
    assert [record.path.name[:4] for record in records] == [f"{n:04d}" for n in range(1, len(records) + 1)]
    for number, record in enumerate(records, 1):
        text = record.path.read_text()
        assert text.startswith(f"# ADR {number}: "), record.name
        assert "\nStatus: " in text, record.name
        places = [text.find(f"\n## {heading}\n") for heading in ("Context", "Decision", "Consequences")]
        assert places == sorted(places), record.name
        assert places[0] > 0, record.name
        assert len(text.splitlines()) < 90, f"{record.name} is longer than a page"


def test_required_pages_exist_and_the_readme_fits_one_screen() -> None:
    assert [name for name in REQUIRED if name not in PAGES] == []
    assert len(PAGES["README.md"].path.read_text().splitlines()) <= 70


def test_help_shows_what_the_cli_page_shows() -> None:
    shown = CliRunner().invoke(app, ["--help"]).output
    commands = re.findall(r"^  (\w+) {2,}", shown.partition("Commands:")[2], re.MULTILINE)
    text = PAGES["docs/cli.md"].path.read_text()
    assert commands
    assert [command for command in commands if f"`qtrader {command}" not in text] == []


@pytest.mark.parametrize(
    ("output", "expected", "is_same"),
    [
        ("a\nb\n", "a\nb\n", True),
        ("a  \nb", "a\nb\n", True),
        ("a\nb\nc\nd\n", "a\n…\nd\n", True),
        ("run in 0.21 s\n", "run in … s\n", True),
        ("a\nb\n", "a\n", False),
        ("a.b\n", "aXb\n", False),
        ("axb\n", "a.b\n", False),
    ],
)
def test_outputs_are_compared(output: str, expected: str, is_same: bool) -> None:
    assert is_as_expected(output, expected) is is_same


def test_pages_are_read(tmp_path: Path) -> None:
    file = tmp_path / "page.md"
    file.write_text(
        "# A title\n\n```python\nprint(1)\n```\n\n```text\n1\n```\n"
        "\n<!-- file: a/b.py -->\n```python\nx = 2\n```\n"
        "\nWords. [A link](b.md#c) and `qtrader version`.\n\n<!-- exit 2 -->\n```bash\nfalse\n```\n"
    )
    page = read_page(file)
    assert [(block.language, block.file, block.exit_code) for block in page.blocks] == [
        ("python", None, 0),
        ("text", None, 0),
        ("python", "a/b.py", 0),
        ("bash", None, 2),
    ]
    assert page.blocks[0].expected == "1\n"
    assert page.links == ["b.md#c"]
    assert list(page.commands) == ["false", "qtrader version"]
    assert page.anchors == {"a-title"}


def test_a_wrong_output_is_noticed(tmp_path: Path) -> None:
    file = ROOT / "README.md"
    page = Page(file, read_page(file).blocks[:0])
    wrong = tmp_path / "wrong.md"
    wrong.write_text("```python\nprint(1)\n```\n\n```text\n2\n```\n")
    page.blocks = read_page(wrong).blocks
    with pytest.raises(AssertionError, match="but what comes is"):
        Reader(page, tmp_path).read()
