"""What the commands refuse before anything is started, and what real stacks are told."""

import json
import stat
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from surgeproof.commands.main import main
from surgeproof.emulator.processes import read_json
from surgeproof.emulator.settings_copy import copy_settings
from surgeproof.exits import Exit, InputError
from surgeproof.files import write_json
from surgeproof.project import Project

ARN = "urn:pulumi:prod::shop::{type}::{name}"


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    for stack in ("local", "prod"):
        (tmp_path / f"Pulumi.{stack}.yaml").write_text("config: {aws:region: eu-west-1}\n")
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "PulumiPolicy.yaml").write_text("runtime: python\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def pulumi(tmp_path, monkeypatch) -> Path:
    """A Pulumi that says what it was called with, and answers from files."""
    directory = tmp_path / "bin"
    directory.mkdir()
    script = directory / "pulumi"
    script.write_text(
        "#!/bin/sh\n"
        f'echo "$@" >> "{tmp_path}/calls"\n'
        f'command -v python3 > "{tmp_path}/python"\n'
        f'[ "$1 $2" = "stack export" ] && cat "{tmp_path}/export.json"\n'
        f'[ -f "{tmp_path}/stderr" ] && cat "{tmp_path}/stderr" >&2 && exit 255\n'
        "exit 0\n"
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}:/usr/bin:/bin")
    return tmp_path


def give(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, arguments)
    return result.exit_code, result.output


def export(*resources: dict) -> str:
    whole = [
        {"custom": True, "urn": ARN.format(type=r["type"], name="web"), "id": "i", **r}
        for r in resources
    ]
    return json.dumps({"version": 3, "deployment": {"resources": whole}})


@pytest.mark.parametrize(
    ("protocol", "endpoint", "code"),
    [("sqs", "arn:aws:sqs:eu-west-1:123456789012:pages", 0), (None, None, 1)],
    ids=["told", "nobody"],
)
def test_the_deployed_stack_says_who_is_told(project, aws, protocol, endpoint, code, monkeypatch):
    monkeypatch.setattr("surgeproof.commands.stack.clients_of", lambda *_, **__: aws)
    topic = aws("sns").create_topic(Name="shop-prod-alerts-page")["TopicArn"]
    if protocol:
        aws("sns").subscribe(TopicArn=topic, Protocol=protocol, Endpoint=endpoint)

    found, printed = give("status", "--stack", "prod", "--deployed")

    assert found == code
    assert f"shop-prod-alerts-page: {1 - code} subscription" in printed
    assert ("error: pages reach nobody" in printed) is bool(code)


def test_a_stack_that_is_not_up_cannot_say_who_is_told(project):
    assert give("status", "--deployed") == (
        Exit.FAILED,
        "error: stack local is not up on the embedded AWS\n",
    )


@pytest.mark.parametrize("command", ["up", "preview", "down", "status"])
def test_an_unknown_stack_is_refused_with_the_known_ones(project, command):
    code, printed = give(command, "--stack", "nope")

    assert code == 2
    assert printed == (
        "error: --stack: must have a file Pulumi.<stack>.yaml (there are: local, prod), "
        "got 'nope'\n"
    )


@pytest.mark.parametrize("command", ["up", "preview", "down", "status"])
@pytest.mark.parametrize("name", ["../up", "a b", "", ".", "-x", "a" * 101])
def test_a_bad_stack_name_is_refused(project, command, name):
    code, printed = give(command, f"--stack={name}", "--embedded")

    assert code == 2
    assert printed.startswith("error: --stack: must be letters, digits,")
    assert not (project / ".surgeproof").exists()


def test_outside_a_project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    code, printed = give("status")

    assert code == 2
    assert "there is no Pulumi.yaml in" in printed


def test_settings_without_a_region(project):
    (project / "Pulumi.local.yaml").write_text("config: {}\n")

    assert give("up") == (2, "error: Pulumi.local.yaml: must set aws:region, got nothing\n")


def test_damaged_settings(project):
    (project / "Pulumi.local.yaml").write_text("config: [\n")

    code, printed = give("up")

    assert code == 2
    assert printed.startswith("error: Pulumi.local.yaml:2:1: must be YAML (")
    assert printed.count("\n") == 1


def test_no_free_disk(project, monkeypatch):
    usage = type("Usage", (), {"free": 5 << 20})
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)

    code, printed = give("up")

    assert code == Exit.FAILED
    assert "needs 64 MiB of free disk, got 5 MiB" in printed


def test_a_disk_that_fills_meanwhile(project, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "somewhere")

    monkeypatch.setattr("surgeproof.files.write_json", full)

    assert give("up") == (
        Exit.FAILED,
        "error: somewhere: the disk is full; free some space and run it again\n",
    )


def test_a_directory_that_cannot_be_written(project):
    (project / ".surgeproof").write_text("a file in the way")

    code, printed = give("up")

    assert code == Exit.FAILED
    assert printed.startswith("error: ")
    assert ".surgeproof" in printed
    assert printed.count("\n") == 1


def test_encrypted_settings_are_not_for_the_embedded_aws(project):
    (project / "Pulumi.prod.yaml").write_text(
        "encryptionsalt: v1:x\nconfig:\n  aws:region: eu-west-1\n  shop:key: {secure: abc}\n"
    )
    with pytest.raises(InputError, match=r"^Pulumi.prod.yaml: shop:key is encrypted"):
        copy_settings(Project.find(), "prod", project / "copy", None)


def test_settings_that_import_environments_are_not_for_the_embedded_aws(project):
    (project / "Pulumi.prod.yaml").write_text(
        "environment: [shared]\nconfig:\n  aws:region: eu-west-1\n"
    )
    words = r"^Pulumi.prod.yaml: environment imports Pulumi ESC environments \(shared\), which"
    with pytest.raises(InputError, match=words):
        copy_settings(Project.find(), "prod", project / "copy", None)


def test_a_real_stack_needs_pulumi(project, monkeypatch):
    monkeypatch.setenv("PATH", str(project))

    code, printed = give("up", "--stack", "prod")

    assert code == Exit.FAILED
    assert "needs the Pulumi command line on PATH" in printed


def test_a_real_stack_goes_through_pulumi_with_the_policies(project, pulumi):
    assert give("up", "--stack", "prod")[0] == 0
    assert give("preview", "--stack", "prod")[0] == 0

    pack = project / "policies"
    assert (pulumi / "calls").read_text().splitlines() == [
        f"up --policy-pack {pack} --stack prod",
        f"preview --policy-pack {pack} --stack prod",
    ]
    assert Path((pulumi / "python").read_text()).parent == Path(sys.executable).parent
    assert not (project / ".surgeproof").exists()


def test_a_pack_whose_environment_is_missing(project, pulumi):
    (project / "policies" / "PulumiPolicy.yaml").write_text(
        "runtime: {name: python, options: {virtualenv: ../.venv}}\n"
    )

    assert give("preview", "--stack", "prod") == (
        Exit.FAILED,
        (
            f"error: policies/PulumiPolicy.yaml has the pack run in {project / '.venv'}, which is "
            "not there; `make engine` makes it\n"
        ),
    )


def test_a_locked_stack_is_told_the_command_that_clears_it(project, pulumi):
    (pulumi / "stderr").write_text("error: the stack is currently locked by 1 lock(s)\n")

    code, printed = give("up", "--stack", "prod", "--yes")

    assert code == Exit.FAILED
    assert "`pulumi cancel --stack prod` clears the lock" in printed
    assert len((pulumi / "calls").read_text().splitlines()) == 1


def test_down_lists_what_protection_keeps_and_stops(project, pulumi):
    (pulumi / "export.json").write_text(
        export(
            {
                "type": "aws:lb/loadBalancer:LoadBalancer",
                "inputs": {"enableDeletionProtection": True},
            },
            {"type": "aws:s3/bucket:Bucket", "inputs": {}, "outputs": {"forceDestroy": False}},
            {"type": "aws:sns/topic:Topic", "inputs": {}},
        )
    )

    code, printed = give("down", "--stack", "prod", "--yes")

    assert code == Exit.FAILED
    balancer, bucket = printed.splitlines()[1:3]
    assert balancer == (
        "  LoadBalancer web: deletion protection is on; "
        "release it by loadBalancer.deletionProtection: false"
    )
    assert bucket == (
        "  Bucket web: a bucket that holds logs is not deleted; "
        "release it by loadBalancer.logBucketForceDestroy: true"
    )
    assert "nothing was destroyed" in printed
    assert (pulumi / "calls").read_text() == "stack export --stack prod\n"


def test_down_of_an_unprotected_stack(project, pulumi):
    (pulumi / "export.json").write_text(export({"type": "aws:sns/topic:Topic", "inputs": {}}))

    assert give("down", "--stack", "prod", "--yes")[0] == 0
    assert (pulumi / "calls").read_text().splitlines()[-1] == "destroy --yes --stack prod"


def test_crash_safe_files_are_whole_and_private(tmp_path):
    file = tmp_path / "record.json"
    write_json(file, {"pid": 1}, mode=0o600)
    with pytest.raises(TypeError):
        write_json(file, {"pid": object()})

    assert read_json(file) == {"pid": 1}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["record.json"]
