"""Reading and running the documentation: fenced blocks, expected outputs, links, named commands.

The rules for whoever writes a page:

- A block of `python` runs with the others of its page, in order, in one namespace and one scratch folder. A
  block of `bash` runs in the same folder; `make`, `uv`, `git` and `pip` are looked up and not run.
- A block of `text` that directly follows is what they print; `…` stands for anything, on a line of its own
  for any lines.
- A comment before a block says what is special: `<!-- file: NAME -->` writes it to that file of the folder,
  `<!-- exit 2 -->` expects that exit code, `<!-- not run: REASON -->` leaves it alone.
"""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import types
from collections.abc import Iterator
from contextlib import chdir, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import yaml

ROOT = Path(__file__).parents[1]
LANGUAGES = ("python", "bash", "text", "yaml", "json")

#: Commands that a page may show and the tests look up instead of running.
_LOOKED_UP = ("make", "uv", "git", "pip")
_FENCE = re.compile(r"^( *)(```+)(.*)$")
_COMMENT = re.compile(r"<!--\s*(file|exit|not run)\s*:?\s*(.*?)\s*-->")
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_SPAN = re.compile(r"`([^`]+)`")


@dataclass(frozen=True)
class Block:
    """One fenced block."""

    line: int
    language: str
    text: str
    file: str | None = None
    exit_code: int = 0
    unrun_reason: str | None = None
    expected: str | None = None
    is_output: bool = False


@dataclass
class Page:
    """One Markdown file."""

    path: Path
    blocks: list[Block] = field(default_factory=list)
    prose: str = ""

    @property
    def name(self) -> str:
        """The path from the project's folder."""
        return self.path.relative_to(ROOT).as_posix()

    @property
    def spans(self) -> list[str]:
        """The inline code."""
        return [" ".join(span.split()) for span in _SPAN.findall(self.prose)]

    @property
    def links(self) -> list[str]:
        """The targets of links and images."""
        return _LINK.findall(re.sub(r"`[^`\n]+`", "", self.prose))

    @property
    def anchors(self) -> set[str]:
        """The headings as GitHub turns them into anchors."""
        headings = re.findall(r"^#+ (.+)$", self.prose, re.MULTILINE)
        return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}

    @property
    def commands(self) -> Iterator[str]:
        """Every command line that the page shows or names."""
        for block in self.blocks:
            if block.language == "bash":
                yield from (line.strip() for line in block.text.splitlines() if line.strip())
        yield from self.spans


def pages() -> list[Page]:
    """Read every page of the documentation."""
    files = [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("examples/*.md"),
        ROOT / "src/qtrader/contracts/README.md",
    ]
    return [read_page(file) for file in sorted(files)]


def read_page(path: Path) -> Page:
    """Split a page into prose and blocks."""
    page = Page(path)
    prose: list[str] = []
    lines = path.read_text(encoding="utf-8").splitlines()
    position, comment, is_adjacent = 0, None, False
    while position < len(lines):
        line = lines[position]
        position += 1
        fence = _FENCE.match(line)
        if fence is None:
            prose.append(line)
            found = _COMMENT.search(line)
            if found is not None:
                comment = found
            elif line.strip():
                comment, is_adjacent = None, False
            continue
        indent, ticks, language = fence.groups()
        start = position
        while lines[position].strip() != ticks:
            position += 1
        text = "\n".join(row.removeprefix(indent) for row in lines[start:position]) + "\n"
        position += 1
        _add(page, Block(start, language.strip(), text, **_special(comment)), is_adjacent=is_adjacent)
        comment, is_adjacent = None, True
    page.prose = "\n".join(prose)
    return page


def _special(comment: re.Match[str] | None) -> dict[str, object]:
    if comment is None:
        return {}
    kind, value = comment.groups()
    if kind == "exit":
        return {"exit_code": int(value)}
    return {"file": value} if kind == "file" else {"unrun_reason": value}


def _add(page: Page, block: Block, *, is_adjacent: bool) -> None:
    before = page.blocks[-1] if page.blocks else None
    is_answer = (
        is_adjacent and before is not None and before.language in ("python", "bash") and before.file is None
    )
    if block.language == "text" and is_answer and block.unrun_reason is None:
        page.blocks[-1] = Block(**{**vars(page.blocks[-1]), "expected": block.text})
        block = Block(block.line, block.language, block.text, is_output=True)
    page.blocks.append(block)


class Reader:
    """Do what a reader of a page does, in a scratch folder.

    Args:
        page: what is read.
        folder: where it is tried out.
    """

    def __init__(self, page: Page, folder: Path) -> None:
        self._page = page
        self._folder = folder / "work"
        self._bin = folder / "bin"
        self._folder.mkdir()
        self._bin.mkdir()
        self._module = types.ModuleType("page_" + re.sub(r"\W", "_", page.name))
        program = f'exec "{sys.executable}" -c "from qtrader.cli import main; main()" "$@"\n'
        for name, line in (("qtrader", program), ("python", f'exec "{sys.executable}" "$@"\n')):
            (self._bin / name).write_text(f"#!/bin/sh\n{line}")
            (self._bin / name).chmod(0o755)

    def read(self) -> None:
        """Run every block of the page in order."""
        # Annotations of a class are resolved by the name of its module.
        sys.modules[self._module.__name__] = self._module
        try:
            # What a page sets for its tables ends with it.
            with pl.Config():
                for block in self._page.blocks:
                    self._take(block)
        finally:
            del sys.modules[self._module.__name__]

    def _take(self, block: Block) -> None:
        place = f"{self._page.name}:{block.line}"
        if block.file is not None:
            target = self._folder / block.file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.text, encoding="utf-8")
        if block.language == "yaml":
            yaml.safe_load(block.text)
        elif block.language == "json":
            json.loads(block.text)
        if block.unrun_reason is not None or block.file is not None:
            return
        if block.language == "python":
            output = self._run_python(block)
        elif block.language == "bash":
            output = self._run_bash(block, place)
        else:
            return
        if block.expected is not None:
            assert is_as_expected(output, block.expected), (
                f"{place}: the page shows\n{block.expected}\nbut what comes is\n{output}"
            )

    def _run_python(self, block: Block) -> str:
        # Line numbers of the page, so that a traceback leads there.
        code = compile("\n" * block.line + block.text, str(self._page.path), "exec")
        output = io.StringIO()
        with chdir(self._folder), redirect_stdout(output):
            exec(code, vars(self._module))  # noqa: S102 - the project's own documentation
        return output.getvalue()

    def _run_bash(self, block: Block, place: str) -> str:
        lines = block.text.replace("\\\n", "").splitlines()
        script = "\n".join(line for line in lines if not is_looked_up(line))
        environment = {
            **os.environ,
            "PATH": f"{self._bin}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT / "src"),
            "COLUMNS": "110",
            "NO_COLOR": "1",
            "TERM": "dumb",
        }
        done = subprocess.run(
            ["sh", "-eu"],
            input=f"{script}\npwd >'{self._bin}/last'\n",
            cwd=self._folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == block.exit_code, (
            f"{place}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
        )
        if block.exit_code:
            return done.stdout + done.stderr
        self._folder = Path((self._bin / "last").read_text().strip())
        return done.stdout


def is_looked_up(line: str) -> bool:
    """Tell whether a command is looked up instead of run."""
    return line.split(maxsplit=1)[:1] != [] and line.split(maxsplit=1)[0] in _LOOKED_UP


def is_as_expected(output: str, expected: str) -> bool:
    """Compare an output with what a page shows, where … stands for anything."""
    pattern = ""
    for line in expected.rstrip().splitlines():
        if line.strip() == "…":
            pattern += r"(?:[^\n]*\n)*?"
        else:
            pattern += r"[^\n]*?".join(re.escape(part) for part in line.rstrip().split("…")) + "\n"
    found = "\n".join(line.rstrip() for line in output.rstrip().splitlines()) + "\n"
    return re.fullmatch(pattern, found) is not None
