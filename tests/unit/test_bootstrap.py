"""The environment that `make` builds: what it says when something is missing, and that it heals itself.

`scripts/bootstrap.sh` runs in a copy of the project on a PATH that holds only the few tools it needs and
interpreters written for the purpose, so that no test depends on this machine's Pythons or on a network.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = (
    "sh",
    "cat",
    "chmod",
    "cksum",
    "cp",
    "dirname",
    "flock",
    "grep",
    "head",
    "kill",
    "mkdir",
    "rm",
    "rmdir",
)
BENCHED = sorted(path.stem for path in (ROOT / "requirements" / "peers").glob("*.in"))

# An interpreter of a given version, as far as the script can tell. Its pip records the arguments and then
# does what the file `pip_behaviour` says.
INTERPRETER = """#!/bin/sh
case "$*" in
*"import sys"*) echo {version} ;;
*"import ensurepip"*) exit {ensurepip_status} ;;
"-m venv "*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" && : >"$3/pyvenv.cfg" ;;
"-m pip --version") ;;
*" install "*)
    echo "$*" >>"{root}/pip_calls"
    . "{root}/pip_behaviour"
    ;;
*) echo "unexpected: $*" >&2; exit 64 ;;
esac
"""
NO_NETWORK = """echo "WARNING: Retrying after connection broken by 'NewConnectionError(...)'" >&2
echo "ERROR: No matching distribution found for numpy==2.4.6" >&2
exit 1
"""


class Machine:
    """A project folder and a PATH with exactly the interpreters that a test puts there."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "project"
        self.bin = folder / "bin"
        self.bin.mkdir()
        for name in TOOLS:
            found = shutil.which(name)
            if found:
                (self.bin / name).symlink_to(found)
        (self.root / "scripts").mkdir(parents=True)
        (self.root / "requirements").mkdir()
        shutil.copy(ROOT / "scripts" / "bootstrap.sh", self.root / "scripts")
        for name in ("pyproject.toml", *(f"requirements/{lock}.txt" for lock in ("runtime", "dev", "peers"))):
            (self.root / name).write_text(f"{name}, first edition\n")
        self.pip_does("exit 0")

    @property
    def venv(self) -> Path:
        return self.root / ".venv"

    @property
    def pip_calls(self) -> list[str]:
        record = self.root / "pip_calls"
        return record.read_text().splitlines() if record.exists() else []

    def pip_does(self, script: str) -> None:
        (self.root / "pip_behaviour").write_text(script)

    def install(self, name: str, version: str, *, ensurepip: bool = True) -> None:
        interpreter = self.bin / name
        status = 0 if ensurepip else 1
        interpreter.write_text(
            INTERPRETER.format(version=version, ensurepip_status=status, root=self.root), encoding="utf-8"
        )
        interpreter.chmod(0o755)

    def run(self, lock: str = "dev", **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.bin / "sh", "scripts/bootstrap.sh", lock],
            cwd=self.root,
            env={"PATH": str(self.bin), "GOAL": "backtest", **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def must_run(self, lock: str = "dev", **environment: str) -> str:
        done = self.run(lock, **environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def must_fail(self, lock: str = "dev", **environment: str) -> str:
        done = self.run(lock, **environment)
        assert done.returncode == 1
        return done.stderr


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def one_line(text: str) -> str:
    assert text.count("\n") == 1
    return text.strip()


# What is said when something is missing


def test_too_old_python_is_named_with_what_is_needed_and_what_to_do(machine: Machine) -> None:
    machine.install("python3", "3.9")

    line = one_line(machine.must_fail())

    assert line == (
        "qtrader: needs Python 3.11 or newer, but python3 is 3.9; "
        "install one and name it: make PYTHON=python3.12 backtest"
    )
    assert not machine.venv.exists()


def test_no_python_at_all(machine: Machine) -> None:
    assert "but no python3 runs here;" in one_line(machine.must_fail())


def test_a_chosen_python_that_is_too_old_is_refused_even_where_a_newer_one_is_present(
    machine: Machine,
) -> None:
    machine.install("python3", "3.12")
    machine.install("python3.10", "3.10")

    assert "python3.10 is 3.10;" in one_line(machine.must_fail(PYTHON="python3.10"))


@pytest.mark.parametrize("version", ["3.11", "3.14"])
def test_missing_ensurepip_names_the_debian_package_of_that_version(machine: Machine, version: str) -> None:
    machine.install("python3", version, ensurepip=False)

    line = one_line(machine.must_fail())

    assert line == f"qtrader: python3 has no venv module; on Debian: apt-get install python{version}-venv"
    assert not machine.venv.exists()


def test_no_network_is_said_in_one_line_and_the_next_run_goes_on(machine: Machine) -> None:
    machine.install("python3", "3.11")
    machine.pip_does(NO_NETWORK)

    line = one_line(machine.must_fail())

    assert line.startswith(
        "qtrader: no network: the packages of requirements/dev.txt come from the package index"
    )
    (machine.venv / "kept").touch()
    machine.pip_does("exit 0")
    machine.must_run()
    assert (machine.venv / "kept").exists()


def test_any_other_failure_shows_what_pip_said(machine: Machine) -> None:
    machine.install("python3", "3.11")
    machine.pip_does("echo 'ERROR: THESE PACKAGES DO NOT MATCH THE HASHES' >&2; exit 1")

    message = machine.must_fail()

    assert "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES\n" in message
    assert message.endswith("qtrader: pip could not install requirements/dev.txt; its messages stand above\n")


# Which interpreter is taken


def test_the_first_new_enough_python_is_taken(machine: Machine) -> None:
    machine.install("python3", "3.9")
    machine.install("python3.12", "3.12")
    machine.install("python3.11", "3.11")

    assert machine.must_run().splitlines()[0] == "Making .venv with python3.12 (3.12)"


def test_a_chosen_python_replaces_the_environment_and_no_choice_keeps_it(machine: Machine) -> None:
    machine.install("python3", "3.11")
    machine.install("python3.13", "3.13")
    machine.must_run()

    assert "Making .venv with python3.13 (3.13)" in machine.must_run(PYTHON="python3.13")
    assert machine.must_run() == ""
    assert machine.must_run(PYTHON="python3.13") == ""


def test_the_folder_can_be_chosen(machine: Machine) -> None:
    machine.install("python3", "3.11")

    machine.must_run(VENV=".venv-newest")

    assert (machine.root / ".venv-newest" / "dev.stamp").exists()
    assert not machine.venv.exists()


def test_a_folder_that_is_no_environment_is_left_alone(machine: Machine) -> None:
    machine.install("python3", "3.11")

    line = one_line(machine.must_fail(VENV="requirements"))

    assert line.startswith("qtrader: requirements is a folder but no virtual environment;")
    assert (machine.root / "requirements" / "dev.txt").exists()


# What is installed, and when


def test_the_lock_is_installed_by_hash_and_the_project_without_dependencies(machine: Machine) -> None:
    machine.install("python3", "3.11")

    machine.must_run("runtime")

    common = "-m pip --disable-pip-version-check install --no-input --quiet"
    assert machine.pip_calls == [
        f"{common} --no-deps --require-hashes --only-binary :all: -r requirements/runtime.txt",
        f"{common} --no-deps --no-build-isolation --editable .",
    ]


def test_the_peers_get_an_environment_without_the_project(machine: Machine) -> None:
    machine.install("python3", "3.11")

    for _ in range(2):
        machine.must_run("peers", VENV=".venv-peers")

    (call,) = machine.pip_calls
    assert call.endswith("--require-hashes --only-binary :all: -r requirements/peers.txt")
    assert (machine.root / ".venv-peers" / "peers.stamp").exists()
    assert not machine.venv.exists()


def run_peers(machine: Machine, *names: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the script that makes an environment for each peer, of which there are two here."""
    shutil.copy(ROOT / "scripts" / "peers.sh", machine.root / "scripts")
    folder = machine.root / "requirements" / "peers"
    folder.mkdir(exist_ok=True)
    for name, oldest in (("newer", "# python 3.12\n"), ("plain", "")):
        (folder / f"{name}.in").write_text(f"{oldest}{name}==1.0\n")
        (folder / f"{name}.txt").write_text(f"{name}==1.0\n")
    return subprocess.run(
        [machine.bin / "sh", "scripts/peers.sh", *names],
        cwd=machine.root,
        env={"PATH": str(machine.bin), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )


def test_each_peer_gets_an_environment_of_the_python_that_it_needs(machine: Machine) -> None:
    machine.install("python3", "3.11")
    machine.install("python3.13", "3.13")

    first, again = run_peers(machine), run_peers(machine)

    assert "Making .venv-peers/newer with python3.13 (3.13)" in first.stdout
    assert "Making .venv-peers/plain with python3 (3.11)" in first.stdout
    assert (again.stdout, again.stderr) == ("", "")
    assert [call.rpartition(" ")[2] for call in machine.pip_calls] == [
        "requirements/peers/newer.txt",
        "requirements/peers/plain.txt",
    ]
    assert (machine.root / ".venv-peers/newer/newer.stamp").exists()


def test_a_peer_that_cannot_be_had_is_named_and_the_others_go_on(machine: Machine) -> None:
    machine.install("python3", "3.11")

    done = run_peers(machine)

    assert done.stderr.splitlines() == [
        "qtrader: newer needs Python 3.12 or newer, and none is here",
        "qtrader: without these peers: newer",
    ]
    assert (machine.root / ".venv-peers/plain/plain.stamp").exists()


def test_one_peer_alone_and_the_environment_of_an_earlier_version(machine: Machine) -> None:
    machine.install("python3", "3.11")
    old = machine.root / ".venv-peers"
    old.mkdir()
    (old / "pyvenv.cfg").write_text("")
    (old / "bin").mkdir()

    run_peers(machine, "plain")

    assert sorted(path.name for path in old.iterdir()) == ["plain"]


def test_repeating_installs_nothing_and_says_nothing(machine: Machine) -> None:
    machine.install("python3", "3.11")
    machine.must_run()
    before = machine.pip_calls

    assert machine.must_run() == ""
    assert machine.pip_calls == before


@pytest.mark.parametrize("changed", ["pyproject.toml", "requirements/dev.txt"])
def test_a_changed_file_installs_again_into_the_same_environment(machine: Machine, changed: str) -> None:
    machine.install("python3", "3.11")
    machine.must_run()
    (machine.venv / "kept").touch()
    (machine.root / changed).write_text("second edition\n")

    machine.must_run()

    assert len(machine.pip_calls) == 4
    assert (machine.venv / "kept").exists()


def test_the_runtime_lock_asks_nothing_of_an_environment_that_holds_the_development_lock(
    machine: Machine,
) -> None:
    machine.install("python3", "3.11")
    machine.must_run("runtime")
    machine.must_run("dev")
    before = machine.pip_calls

    machine.must_run("runtime")

    assert machine.pip_calls == before


def test_an_outdated_development_environment_stays_one(machine: Machine) -> None:
    machine.install("python3", "3.11")
    machine.must_run("dev")
    (machine.root / "pyproject.toml").write_text("second edition\n")

    machine.must_run("runtime")

    assert machine.pip_calls[2].endswith("-r requirements/dev.txt")
    assert (machine.venv / "dev.stamp").exists()


# What heals


@pytest.mark.parametrize(
    ("killed", "status"), [("$PPID", -9), ("$$", 1)], ids=["the script is killed", "pip is killed"]
)
def test_an_interrupted_installation_is_made_anew(machine: Machine, killed: str, status: int) -> None:
    machine.install("python3", "3.11")
    machine.pip_does(f"kill -KILL {killed}")
    assert machine.run().returncode == status
    (machine.venv / "half_installed").touch()
    machine.pip_does("exit 0")

    assert machine.must_run().startswith("Making .venv with python3")
    assert not (machine.venv / "half_installed").exists()
    assert machine.must_run() == ""


def test_an_interrupted_creation_is_made_anew(machine: Machine) -> None:
    machine.install("python3", "3.11")
    machine.venv.mkdir()
    (machine.venv / "incomplete").touch()

    assert machine.must_run().startswith("Making .venv with python3")


def test_an_environment_whose_python_is_gone_is_made_anew(machine: Machine) -> None:
    machine.install("python3", "3.11")
    machine.must_run()
    (machine.venv / "bin" / "python").unlink()
    (machine.venv / "bin" / "python").symlink_to(machine.root / "gone")

    assert machine.must_run().startswith("Making .venv with python3")


def test_a_moved_project_makes_its_environment_anew(machine: Machine) -> None:
    machine.install("python3", "3.11")
    machine.must_run()
    moved = machine.root.with_name("elsewhere")
    shutil.copytree(machine.root, moved)
    machine.root = moved

    assert machine.must_run().startswith("Making .venv with python3")


# The locks themselves


def pins(name: str) -> dict[str, str]:
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    blocks = re.split(r"\n(?=[a-z])", text.partition("\n#    make lock\n")[2])
    found = {}
    for block in blocks:
        match = re.match(r"(?P<name>[a-z0-9-]+)==(?P<version>\S+)", block)
        assert match is not None, block
        assert "--hash=sha256:" in block
        found[match["name"]] = match["version"]
    return found


def test_the_runtime_lock_is_part_of_the_development_lock() -> None:
    runtime, dev = pins("runtime"), pins("dev")

    assert runtime.items() <= dev.items()
    assert runtime.keys() != dev.keys()


def test_the_runtime_lock_holds_every_dependency_and_the_build_backend() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    declared = project["project"]["dependencies"] + project["dependency-groups"]["build"]
    names = {re.split(r"[<>=!~;\[ ]", requirement)[0].lower() for requirement in declared}

    assert names <= pins("runtime").keys()


def test_the_lock_of_the_peers_holds_them_and_nothing_of_ours() -> None:
    wanted = re.findall(r"^([a-z0-9-]+)==(\S+)$", (ROOT / "requirements/peers.in").read_text(), re.MULTILINE)

    assert {"backtesting", "backtrader", "vectorbt"} == set(dict(wanted))
    assert dict(wanted).items() <= pins("peers").items()
    assert "qtrader" not in pins("peers")
    assert not pins("dev").keys() & dict(wanted).keys()


@pytest.mark.parametrize("name", BENCHED)
def test_the_lock_of_each_measured_peer_holds_it_and_nothing_of_ours(name: str) -> None:
    asked = (ROOT / "requirements" / "peers" / f"{name}.in").read_text()
    wanted = re.findall(r"^([a-z0-9_-]+)==(\S+)$", asked, re.MULTILINE)

    assert wanted
    assert {(peer.replace("_", "-"), version) for peer, version in wanted} <= pins(f"peers/{name}").items()
    assert "qtrader" not in pins(f"peers/{name}")
    assert (ROOT / "benchmarks" / "peers" / f"{name}_run.py").exists()


@pytest.mark.parametrize("name", ["runtime", "dev", "peers", *(f"peers/{name}" for name in BENCHED)])
def test_a_lock_names_no_index_and_no_path(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text()

    assert not re.search(r"https?:|file:|@ |/|^-", text, flags=re.MULTILINE)
