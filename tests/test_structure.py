"""The rooms of the project, and which of them may know of which."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

_SHARED = {"surgeproof.components.naming", "surgeproof.components.rules"}

MAY_IMPORT = {
    "__main__.py": {"surgeproof.components"},
    "components/__init__.py": {"surgeproof.components"},
    "components/naming.py": set(),
    "components/rules.py": set(),
    "components/alarms": {*_SHARED, "surgeproof.components.alarms"},
    "components/service": {
        *_SHARED,
        "surgeproof.components.alarms",
        "surgeproof.components.service",
    },
    "components/database": {
        *_SHARED,
        "surgeproof.components.alarms",
        "surgeproof.components.database",
    },
    "components/runbooks": {
        *_SHARED,
        "surgeproof.components.runbooks",
        "surgeproof.components.service.override",
    },
    "components/configuration": {"surgeproof.components"},
    "policies": {
        "surgeproof.findings",
        "surgeproof.peers",
        "surgeproof.plan",
        "surgeproof.policies",
        "surgeproof.simulation",
        "surgeproof.traces",
    },
    "surgeproof/settings": set(),
    "surgeproof/cloudwatch": {"surgeproof.cloudwatch"},
    "surgeproof/figures": {"surgeproof.figures"},
    "surgeproof/commands": {"surgeproof"},
    "surgeproof/commands/parameters.py": set(),
    "surgeproof/commands/ahead.py": {
        "surgeproof.exits",
        "surgeproof.interrupts",
        "surgeproof.plan",
    },
    "surgeproof/project.py": {"surgeproof.exits"},
    "surgeproof/consoles.py": set(),
    "surgeproof/escaping.py": set(),
    "surgeproof/files.py": set(),
    "surgeproof/printing.py": set(),
    "surgeproof/exits.py": {"surgeproof.escaping"},
    "surgeproof/interrupts.py": {"surgeproof.exits"},
    "surgeproof/__main__.py": {"surgeproof"},
    "surgeproof/__init__.py": set(),
    "surgeproof/emulator": {
        "surgeproof.emulator",
        "surgeproof.exits",
        "surgeproof.findings",
        "surgeproof.interrupts",
        "surgeproof.peers",
        "surgeproof.project",
    },
    "surgeproof/peers.py": set(),
    "surgeproof/findings": {"surgeproof.findings"},
    "surgeproof/plan": {"surgeproof.plan"},
    "surgeproof/traces": {"surgeproof.traces"},
    "surgeproof/simulation": {"surgeproof.simulation", "surgeproof.plan", "surgeproof.traces"},
    "surgeproof/simulation/compiled": {"surgeproof.simulation.compiled"},
    "surgeproof/outage": {
        "surgeproof.outage",
        "surgeproof.plan",
        "surgeproof.simulation",
        "surgeproof.traces",
    },
    "surgeproof/incident": {
        "surgeproof.exits",
        "surgeproof.incident",
        "surgeproof.outage",
        "surgeproof.plan",
        "surgeproof.simulation",
        "surgeproof.traces",
    },
    "surgeproof/exercise": {
        "surgeproof.exercise",
        "surgeproof.incident",
        "surgeproof.plan",
        "surgeproof.report",
        "surgeproof.simulation",
        "surgeproof.traces",
    },
    "surgeproof/report": {
        "surgeproof.consoles",
        "surgeproof.plan",
        "surgeproof.report",
        "surgeproof.simulation",
    },
    "surgeproof/review": {
        "surgeproof.consoles",
        "surgeproof.plan",
        "surgeproof.report",
        "surgeproof.review",
        "surgeproof.simulation",
        "surgeproof.traces",
    },
    "surgeproof/review/log.py": set(),
    "surgeproof/operations": {
        "surgeproof.interrupts",
        "surgeproof.operations",
        "surgeproof.simulation",
        "surgeproof.plan",
    },
    "surgeproof/queries": {"surgeproof.consoles", "surgeproof.plan", "surgeproof.queries"},
    "benchmarks": {"benchmarks", "surgeproof"},
}
"""Room -> first-party modules (and what lies below them) that its files may import."""

GROUND = {
    "surgeproof.cloudwatch",
    "surgeproof.escaping",
    "surgeproof.figures",
    "surgeproof.files",
    "surgeproof.settings",
}
"""What every room may import; it imports nothing of ours but what is ground itself."""

FIRST_PARTY = {"components", "policies", "surgeproof", "benchmarks", "tests"}


def files_of(room):
    place = ROOT / room
    return [place] if place.suffix else sorted(place.rglob("*.py"))


def first_party_imports(file):
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: import it by its whole name"
            modules = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        else:
            continue
        yield from (
            (node.lineno, name) for name in modules if name.partition(".")[0] in FIRST_PARTY
        )


@pytest.mark.parametrize("room", MAY_IMPORT, ids=str)
def test_room_imports_only_what_it_may_know(room):
    wrong = [
        f"{file.relative_to(ROOT)}:{line} imports {name}"
        for file in files_of(room)
        for line, name in first_party_imports(file)
        if not any(f"{name}.".startswith(f"{allowed}.") for allowed in MAY_IMPORT[room] | GROUND)
    ]

    assert wrong == []


def test_each_module_has_one_name():
    top = {"components", "policies"}

    wrong = [
        f"{file.relative_to(ROOT)}:{line} imports {name}"
        for room in (*MAY_IMPORT, "tests")
        for file in files_of(room)
        for line, name in first_party_imports(file)
        if name.partition(".")[0] in top
    ]

    assert wrong == []


def test_what_is_found_below_the_top_is_loaded_once():
    code = """
import importlib, os, pkgutil, sys, surgeproof
for each in pkgutil.walk_packages(surgeproof.__path__, "surgeproof."):
    if not each.name.endswith("__main__"):
        try:
            importlib.import_module(each.name)
        except ModuleNotFoundError as error:  # what an extra installs, which CI has
            if error.name.startswith("surgeproof"):
                raise
named = [getattr(module, "__file__", None) for module in sys.modules.values()]
files = [os.path.realpath(each) for each in named if each]
ours = [each for each in files if each.startswith(os.getcwd() + "/") and "/.venv/" not in each]
print(len(ours) - len(set(ours)), "components" in sys.modules, "policies" in sys.modules)
print(*sorted(each for each in set(ours) if each.endswith("/database.py")), sep="\\n")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert done.stdout.splitlines() == [
        "0 False False",
        str(ROOT / "components" / "database" / "database.py"),
        str(ROOT / "policies" / "database.py"),
    ]


@pytest.mark.parametrize("place", ["surgeproof/simulation", "surgeproof/plan/model.py"], ids=str)
def test_what_is_simulated_knows_neither_pulumi_nor_boto3(place):
    found = [
        f"{file.relative_to(ROOT)}:{number}"
        for file in files_of(place)
        for number, line in enumerate(file.read_text().splitlines(), 1)
        if re.match(r"\s*(import|from) (pulumi|pulumi_aws|boto3|botocore)\b", line)
    ]

    assert found == []


def test_every_python_file_outside_tests_lies_in_a_known_room():
    known = {file for room in MAY_IMPORT for file in files_of(room)}

    unknown = [
        str(file.relative_to(ROOT))
        for top in ("components", "policies", "surgeproof", "benchmarks")
        for file in (ROOT / top).rglob("*.py")
        if file not in known
    ]

    assert unknown == []


PLAN_READERS = {"program.py": {"pulumi"}, "deployed.py": {"botocore"}}
"""What a reader of the plan may import of what reaches a program or AWS; the others: nothing."""


def outside_imports(file):
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom):
            yield str(node.module).partition(".")[0]
        elif isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)


def test_only_the_readers_of_the_plan_know_of_pulumi_and_aws():
    reaching = {"pulumi", "pulumi_aws", "pulumi_policy", "boto3", "botocore", "moto"}

    found = {
        file.name: reached
        for file in files_of("surgeproof/plan")
        if (reached := reaching & set(outside_imports(file)))
    }

    assert found == PLAN_READERS


def test_components_do_not_know_of_the_emulator():
    words = re.compile(r"\b(emulator|moto|embedded|endpoint_url)\b", re.IGNORECASE)

    found = [
        f"{file.relative_to(ROOT)}: {word}"
        for file in [ROOT / "__main__.py", *files_of("components")]
        for word in words.findall(file.read_text())
    ]

    assert found == []


READERS = {
    "json": {"load", "loads", "JSONDecoder"},
    "yaml": {
        "load",
        "load_all",
        "safe_load",
        "safe_load_all",
        "full_load",
        "unsafe_load",
        "parse",
        "scan",
        "compose",
    },
}
"""What reads a document without bounds, or takes the last of two equal keys."""


def test_documents_are_read_by_one_loader_only():
    rooms = ("__main__.py", "components", "policies", "surgeproof")
    files = [file for room in rooms for file in files_of(room)]

    found = [
        f"{file.relative_to(ROOT)}:{node.lineno} {module}.{name}"
        for file in files
        if not file.is_relative_to(ROOT / "surgeproof" / "settings")
        for node in ast.walk(ast.parse(file.read_text()))
        for module, name in used(node)
        if name in READERS.get(module, ())
    ]

    assert found == []


def used(node):
    """The names that a piece of code takes from a module."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        yield node.value.id, node.attr
    elif isinstance(node, ast.ImportFrom):
        yield from ((node.module, alias.name) for alias in node.names)


def test_lock_files_name_no_address():
    locks = [
        path
        for pattern in (
            "requirements*.txt",
            "policies/*.txt",
            "surgeproof/emulator/tools/*/requirements.txt",
        )
        for path in ROOT.glob(pattern)
    ]

    named = [str(lock) for lock in locks if "://" in lock.read_text()]

    assert len(locks) == 4
    assert named == []


LISTENERS = {
    "surgeproof/peers.py": "answers this user only",
    "surgeproof/emulator/moto_server.py": "answers what the run has signed",
}
"""Files that make listening sockets, and why each may."""

LISTENING = re.compile(
    r"grpc\.(aio\.)?server\b|HTTPServer|\.listen\(|create_server|make_server|start_server"
)


def test_every_socket_that_listens_asks_who_calls():
    found = {
        str(file.relative_to(ROOT))
        for room in MAY_IMPORT
        for file in files_of(room)
        # What runs on an instance, not here, is text in `components`.
        if not str(file.relative_to(ROOT)).startswith("components/")
        and LISTENING.search(file.read_text())
    }

    assert found == set(LISTENERS)
