"""What is rehearsed is the document of the stack's state, in a process that knows nothing."""

import json
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from surgeproof.commands import options, runbook
from surgeproof.commands.main import main
from surgeproof.exits import Exit
from surgeproof.operations import automation
from surgeproof.operations.automation import Automation, AutomationError
from surgeproof.operations.runbooks import Runbook, stated_documents
from tests.security.conftest import up

NAME = "surgeproof-local-web-greet"
SCRIPT = "def greet(events, context):\n    return {'said': f\"hello {events['whom']}\"}\n"


def document(script=SCRIPT, *, handler="greet", **more):
    return {
        "schemaVersion": "0.3",
        "description": "Greets: and nothing else.",
        "parameters": {"Whom": {"type": "String", "description": "Who.", "default": "you"}},
        "mainSteps": [
            {
                "name": "Greet",
                "action": "aws:executeScript",
                "inputs": {
                    "Runtime": "python3.11",
                    "Handler": handler,
                    "InputPayload": {"whom": "{{ Whom }}"},
                    "Script": script,
                },
                "outputs": [{"Name": "Said", "Selector": "$.Payload.said", "Type": "String"}],
                "isEnd": True,
                **more,
            }
        ],
    }


def state_of(*documents):
    return {
        "version": 3,
        "checkpoint": {
            "stack": "organization/surgeproof/local",
            "latest": {
                "resources": [
                    {
                        "urn": f"urn:pulumi:local::surgeproof::aws:ssm/document:Document::{name}",
                        "custom": True,
                        "type": "aws:ssm/document:Document",
                        "id": name,
                        "inputs": {"content": json.dumps(content, indent=1)},
                    }
                    for name, content in documents
                ]
            },
        },
    }


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run with one runbook; what is to be executed has to be what this says."""
    root = tmp_path_factory.mktemp("project")
    with up(root) as made:
        state = made.directory.state_path / ".pulumi/stacks/surgeproof/local.json"
        state.parent.mkdir(parents=True)
        state.write_text(json.dumps(state_of((NAME, document()))))
        put(made.client("ssm"), document())
        yield made, root


@pytest.fixture
def give(run, monkeypatch):
    """Give a command as a user does, in the project."""
    monkeypatch.chdir(run[1])

    def giving(*words):
        told = CliRunner().invoke(main, ["runbook", *words])
        return told.exit_code, told.output

    return giving


def put(ssm, content, name=NAME):
    with suppress(ssm.exceptions.InvalidDocument):
        ssm.delete_document(Name=name)
    ssm.create_document(
        Name=name,
        Content=json.dumps(content),
        DocumentType="Automation",
        DocumentFormat="JSON",
    )


def test_the_documents_of_the_state_are_rehearsed(give):
    code, printed = give("run", "greet", "--set", "Whom=world")

    assert code == 0, printed
    assert printed.endswith("Greet: done (Said hello world)\n")


@pytest.mark.parametrize("words", [("run", "greet"), ("show", "greet"), ("list",)])
@pytest.mark.parametrize(
    "attack",
    [
        pytest.param(lambda mark: {"script": f"open({mark!r}, 'w')\n{SCRIPT}"}, id="script"),
        pytest.param(lambda mark: {"isEnd": 1}, id="one-for-true"),
        pytest.param(lambda mark: {"isEnd": False}, id="step"),
    ],
)
def test_a_document_that_was_changed_is_refused_by_name(run, give, tmp_path, attack, words):
    ssm, mark = run[0].client("ssm"), tmp_path / "executed"
    put(ssm, document(**attack(str(mark))))
    try:
        code, printed = give(*words)
    finally:
        put(ssm, document())

    assert code == Exit.FAILED
    assert printed == (
        f"error: runbook {NAME}: must be what the stack's state has, got another one from the "
        "embedded AWS; nothing was run (`surgeproof down` and `up` make both anew)\n"
    )
    assert not mark.exists()
    assert give("run", "greet")[0] == 0


def test_a_document_that_the_state_does_not_have_is_refused_by_name(run, give, tmp_path):
    ssm, mark = run[0].client("ssm"), tmp_path / "executed"
    added = "surgeproof-local-web-added"
    put(ssm, document(f"open({str(mark)!r}, 'w')\n{SCRIPT}"), added)
    try:
        code, printed = give("run", "added")
    finally:
        ssm.delete_document(Name=added)

    assert code == Exit.FAILED
    assert f"runbook {added}: must be what the stack's state has" in printed
    assert not mark.exists()


def test_the_question_before_a_runbook_on_aws_shows_what_others_wrote_as_text(give, monkeypatch):
    hostile = document() | {"description": "\x1b[2J\n::error::greets"}
    found = SimpleNamespace(find=lambda *_: Runbook("greet", NAME, hostile))
    monkeypatch.setattr(runbook, "_account", lambda *_, **__: (found, "surgeproof", None, None))
    monkeypatch.setattr(options, "LOCAL", "another")

    _, printed = give("run", "greet")

    assert "\x1b" not in printed
    assert rf"Run {NAME} with its defaults? \u001b[2J\n::error::greets [y/N]: " in printed


def test_a_content_that_is_secret_in_the_state_is_no_content():
    (resource,) = state_of((NAME, {}))["checkpoint"]["latest"]["resources"]
    secret = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}

    assert stated_documents([resource]) == {NAME: "{}"}
    assert stated_documents([resource | {"inputs": {"content": secret}}]) == {NAME: secret}
    assert stated_documents([resource | {"id": None}, resource | {"type": "other"}]) == {}


def carried_out(script, **more):
    (done,) = Automation(document(script, **more), lambda *_: {}).run({"Whom": "world"})
    return done.outputs["Said"]


def test_a_script_knows_nothing_of_the_user(monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-the-user")
    monkeypatch.setenv("PYTHONPATH", str(Path.cwd()))
    looked = carried_out(
        """
import os, sys
def greet(events, _):
    try:
        import botocore
        found = "packages"
    except ImportError:
        found = "none"
    return {"said": [sorted(os.environ), os.listdir("."), found, sys.flags.isolated,
                     os.getpgid(0) == os.getpid()]}
"""
    )

    variables, files, packages, isolated, alone = looked
    assert set(variables) <= {"LC_CTYPE", "__CF_USER_TEXT_ENCODING"}  # the interpreter's own
    assert (files, packages, isolated, alone) == ([], "none", 1, True)


def test_what_a_script_prints_is_not_its_answer():
    said = carried_out(
        "import sys\ndef greet(e, _):\n    print('{}')\n    sys.stdout.flush()\n"
        "    return {'said': 'ok'}\n"
    )

    assert said == "ok"


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("def greet(e, _):\n    raise ValueError(f\"not {e['whom']}\")", "not world"),
        ("def greet(e, _):\n    return {'said': {1, 2}}", "Object of type set is not JSON.*"),
        ("def greet(e, _):\n    return {'said': float('nan')}", ".*without an answer.*"),
        ("import os\ndef greet(e, _):\n    os._exit(0)", ".* without an answer: it said nothing"),
        ("import sys\ndef greet(e, _):\n    sys.exit('enough')", ".*without an answer: enough"),
        ("def other(e, _):\n    pass", "'greet'"),
        ("def greet(", "'\\(' was never closed.*"),
    ],
    ids=["error", "no-json", "no-number", "gone", "exit", "no-handler", "no-python"],
)
def test_a_script_that_fails_is_one_clear_error(script, message):
    with pytest.raises(AutomationError, match=f"^step Greet: {message}$"):
        carried_out(script)


def test_a_script_that_does_not_end_is_ended_with_what_it_started(monkeypatch, tmp_path):
    monkeypatch.setattr(automation, "SCRIPT_SECONDS", 1.0)
    started = tmp_path / "started"
    script = f"""
import os, subprocess, sys, time
def greet(events, _):
    child = subprocess.Popen([{sys.executable!r}, "-c", "import time; time.sleep(600)"])
    open({str(started)!r}, "w").write(str(child.pid))
    time.sleep(600)
"""
    since = time.monotonic()

    with pytest.raises(AutomationError, match=r"^step Greet: the script must end within 1 s, "):
        carried_out(script)

    assert time.monotonic() - since < 30
    child = int(started.read_text())
    deadline = time.monotonic() + 10
    while _runs(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _runs(child)


def _runs(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not (stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z")
