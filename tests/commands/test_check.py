"""`surgeproof check` on files of states and plans."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from sarif_kit.validate import is_valid

from surgeproof.commands.main import main
from surgeproof.exits import Exit
from surgeproof.policies import pack
from surgeproof.settings import limits
from tests.hostile import ATTACKS, RUNNER_OBEYS

URN = "urn:pulumi:{stack}::shop::aws:lb/listener:Listener::http"
SECRET = {
    "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
    "plaintext": '"HTTP"',
}

JUDGED = "1 of 1 resources were judged."
UNREPLAYED = "Surges: nothing was replayed: no auto scaling group was read."
END = f"{JUDGED}\n{UNREPLAYED}\n"


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: nodejs\n")
    for stack in ("local", "prod"):
        (tmp_path / f"Pulumi.{stack}.yaml").write_text("config: {aws:region: eu-west-1}\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def give(*arguments, text=None):
    result = CliRunner().invoke(main, ["check", *map(str, arguments)], input=text)
    return result.exit_code, result.output


def state(directory, protocol="HTTP", stack="prod", **more):
    listener = {
        "urn": URN.format(stack=stack),
        "type": "aws:lb/listener:Listener",
        "custom": True,
        "inputs": {
            "protocol": protocol,
            "port": 80,
            "defaultActions": [{"type": "forward"}],
            "sslPolicy": "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09",
            "certificateArn": "arn:aws:acm:eu-west-1:123456789012:certificate/1",
            **more,
        },
    }
    file = directory / "state.json"
    file.write_text(json.dumps({"version": 3, "deployment": {"resources": [listener]}}))
    return file


def test_a_state_without_violations(project):
    assert give("--state", state(project, "HTTPS")) == (
        0,
        f"no violations.\n{END}",
    )


def test_violations_are_told_by_the_exit_code(project):
    code, printed = give("--state", state(project))

    assert code == 1
    assert printed.splitlines()[0] == (
        "critical  lb-listener-serves-https  aws:lb/listener:Listener http: `protocol` must be "
        "`HTTPS` unless every default action is a redirect, got `HTTP`."
    )
    assert printed.splitlines()[-3:] == ["1 violation: 1 critical.", JUDGED, UNREPLAYED]


def test_advice_does_not_fail_the_check(project):
    code, printed = give("--state", state(project), "--preset", "advisory")

    assert code == 0
    assert printed.endswith(f"1 violation: 1 critical; 1 of them advisory.\n{END}")


def test_the_settings_of_the_stack_that_the_file_is_of_hold(project):
    (project / "Pulumi.prod.yaml").write_text(
        "config:\n  policies:exemptions:\n    - rule: lb-listener-serves-https\n"
        "      reason: goes soon\n      until: 2999-12-31\n"
    )

    assert give("--state", state(project)) == (
        0,
        f"no violations; 1 exempted.\n{END}",
    )
    assert give("--state", state(project), "--stack", "local")[0] == 1


def test_wrong_settings(project):
    (project / "Pulumi.prod.yaml").write_text("config: {policies:preset: stict}\n")

    assert give("--state", state(project)) == (
        2,
        (
            "error: Pulumi.prod.yaml:\n"
            "  policies:preset: must be one of default, strict, advisory, got 'stict'\n"
        ),
    )


def test_load_rules_read_the_figures_of_the_stack_s_settings(project):
    group = {
        "urn": "urn:pulumi:prod::shop::aws:autoscaling/group:Group::web",
        "type": "aws:autoscaling/group:Group",
        "inputs": {"defaultInstanceWarmup": 100},
        "outputs": {"availabilityZones": ["a", "b"]},
    }
    (project / "state.json").write_text(json.dumps({"resources": [group]}))
    (project / "Pulumi.prod.yaml").write_text("config: {shop:service: {bootSeconds: 100}}\n")
    before = dict(os.environ)

    code, printed = give("--state", "state.json")

    assert code == 1
    assert "must be at least 120 (service.bootSeconds at its longest), got 100." in printed
    assert dict(os.environ) == before


@pytest.mark.parametrize("form", ["text", "markdown", "sarif", "json"])
def test_no_form_prints_a_secret(project, form):
    file = state(project, SECRET, password="hunter2")  # noqa: S106 - of no one

    code, printed = give("--state", file, "--format", form)

    assert code == 1
    assert "got a secret." in printed
    assert "HTTP`." not in printed
    assert "hunter2" not in printed


def test_forms_for_tools(project):
    sarif = json.loads(give("--state", state(project), "--format", "sarif")[1])
    document = json.loads(give("--state", state(project), "--format", "json")[1])

    assert is_valid(sarif)
    (result,) = sarif["runs"][0]["results"]
    place = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert place == "Pulumi.prod.yaml"
    assert document["summary"] == {"violations": 1, "notDecided": 0, "exempted": 0}


def test_a_pipe_may_carry_lines_before_the_document(project):
    inputs = {"port": 80, "defaultActions": [{"type": "forward"}]}
    steps = [{"op": "create", "newState": {"urn": URN.format(stack="x"), "inputs": inputs}}]
    text = f"Previewing update (x):\n{json.dumps({'steps': steps})}\n"

    code, printed = give("--plan", "-", text=text)

    assert code == 1
    assert printed.startswith("critical  lb-listener-serves-https")


def test_outside_a_project_the_defaults_hold(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert give("--state", state(tmp_path))[0] == 1
    assert give("--stack", "prod", "--state", state(tmp_path))[0] == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "no JSON",
            "error: --state: state.json:1:1: must be JSON with a value here, got 'n'\n",
        ),
        (
            "{}",
            (
                "error: --state: must be what `pulumi stack export`, `pulumi preview --json "
                "--show-sames` or `pulumi preview --save-plan` writes\n"
            ),
        ),
    ],
    ids=["no JSON", "another document"],
)
def test_bad_files(project, content, message):
    (project / "state.json").write_text(content)

    assert give("--state", "state.json") == (2, message)


PROGRAM = """
import pulumi
import pulumi_aws as aws

config = pulumi.Config()
balancer = aws.lb.LoadBalancer("web", internal=False)
aws.lb.Listener(
    "http",
    load_balancer_arn=balancer.arn,
    port=80,
    protocol=config.require("protocol"),
    default_actions=[{"type": "redirect", "redirect": {"protocol": "HTTPS", "port": "443",
        "status_code": "HTTP_301"}}],
)
aws.lb.TargetGroup.get("other", "arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/o/1")
"""


def program(directory, text=PROGRAM, protocol="HTTP"):
    (directory / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    (directory / "__main__.py").write_text(text)
    (directory / "Pulumi.prod.yaml").write_text(
        f"config: {{aws:region: eu-west-1, shop:protocol: {protocol}}}\n"
    )


def test_without_a_file_the_program_is_judged_as_for_a_new_stack(project):
    program(project)

    code, printed = give("--stack", "prod")

    assert code == 1
    assert "lb-listener-serves-https" not in printed
    assert printed.splitlines()[-2:] == [
        (
            "The program of stack prod was judged, as for a new stack. 2 of 2 resources were "
            "judged; 1 only looked up."
        ),
        UNREPLAYED,
    ]


def test_a_fault_of_the_program_is_found_with_the_stack_s_configuration(project):
    program(project, PROGRAM.replace('"type": "redirect"', '"type": "forward"'))

    _, printed = give("--stack", "prod")

    assert (
        "critical  lb-listener-serves-https  aws:lb/listener:Listener http: `protocol` must be "
        "`HTTPS` unless every default action is a redirect, got `HTTP`."
    ) in printed.splitlines()


def test_what_the_program_asks_aws_is_named(project):
    program(project, f"{PROGRAM}\naws.ec2.get_vpc(default=True)\n")

    assert (
        "The program of stack prod was judged, as for a new stack; it asks AWS "
        "(aws:ec2/getVpc:getVpc), and got no answer here. "
    ) in give("--stack", "prod")[1]


def test_a_program_that_fails_is_not_checked(project):
    program(project, 'raise ValueError("no")')

    assert give("--stack", "prod") == (2, "error: the program: ValueError: no\n")


def test_a_program_in_another_language_is_read_by_its_plan(project):
    assert give() == (
        2,
        (
            "error: the program: must be Python to be read without the engine, got 'nodejs'; give "
            "the file that `pulumi preview --json --show-sames` writes: --plan FILE\n"
        ),
    )


def test_the_embedded_stack_is_not_replaced_by_its_program(project):
    program(project)

    assert give("--deployed", "local") == (
        2,
        (
            "error: --state: must name a file, as stack local is not up on the embedded AWS: "
            "`pulumi stack export --stack local --file state.json` writes one; or --plan, or "
            "--terraform\n"
        ),
    )


def test_an_unknown_stack(project):
    code, printed = give("--stack", "nope", "--state", state(project))

    assert code == 2
    assert printed.startswith("error: --stack: must have a file Pulumi.<stack>.yaml")


@pytest.mark.parametrize("stack", [["--stack", "prod"], ["--stack", "local", "--embedded"]])
def test_reports_of_a_preview_are_refused_where_they_cannot_be_written(project, stack):
    suffix = "x.pdf" if "--embedded" in stack else "x.md"

    result = CliRunner().invoke(main, ["preview", *stack, "--report", suffix])

    assert result.exit_code == 2
    assert result.output.startswith("error: --report: must ")


def test_no_name_acts_in_a_terminal_or_a_runner_s_log(project):
    file = state(project)
    # No document with half a surrogate pair is read.
    for name in (each for each in ATTACKS if "\ud800" not in each):
        text = json.dumps(json.loads(file.read_text()))
        hostile = json.loads(text.replace("Listener::http", f"Listener::{json.dumps(name)[1:-1]}"))
        (project / "hostile.json").write_text(json.dumps(hostile))
        code, printed = give("--state", project / "hostile.json")

        assert (code, RUNNER_OBEYS.search(printed), "\x1b" in printed) == (1, None, False)
        assert printed.splitlines()[-3:] == ["1 violation: 1 critical.", JUDGED, UNREPLAYED]


@pytest.fixture
def failing(monkeypatch):
    """Let the rule on listeners fail by itself, as for want of memory."""

    def fails(*_):
        raise MemoryError("hunter2")

    rules = pack.AREAS["Load balancing"]
    broken = [
        replace(rule, check=fails) if rule.name == "lb-listener-redirects-to-https" else rule
        for rule in rules
    ]
    monkeypatch.setitem(pack.AREAS, "Load balancing", tuple(broken))


@pytest.mark.parametrize("form", ["text", "markdown", "sarif", "json"])
def test_a_rule_that_fails_by_itself_is_a_violation_in_each_form(project, failing, form):
    code, printed = give("--state", state(project, "HTTPS"), "--format", form)

    assert code == Exit.NO
    assert "the rule failed and has judged nothing: MemoryError in tests/commands/test" in printed
    assert "hunter2" not in printed
    assert "Traceback" not in printed
    match form:
        case "text":
            assert printed.startswith(
                "medium    lb-listener-redirects-to-https  aws:lb/listener:List"
            )
            assert printed.endswith(f"1 violation: 1 medium.\n{END}")
        case "markdown":
            assert "[`lb-listener-redirects-to-https`]" in printed
        case "sarif":
            document = json.loads(printed)
            assert is_valid(document)
            assert [each["level"] for each in document["runs"][0]["results"]] == ["error"]
        case "json":
            assert json.loads(printed)["summary"] == {
                "violations": 1,
                "notDecided": 0,
                "exempted": 0,
            }


def test_advice_that_fails_by_itself_does_not_fail_the_check_but_is_told(project, failing):
    code, printed = give("--state", state(project, "HTTPS"), "--preset", "advisory")

    assert code == Exit.DONE
    assert printed.endswith(f"1 violation: 1 medium; 1 of them advisory.\n{END}")


@pytest.mark.parametrize("content", ["name: [", "{}", "\x00"])
def test_a_project_that_cannot_be_read_is_not_taken_for_none(project, content):
    """Without its settings, rules about load would have nothing to say."""
    (project / "Pulumi.yaml").write_text(content)

    code, printed = give("--state", state(project, "HTTPS"))

    assert code == Exit.BAD_INPUT
    assert "Pulumi.yaml" in printed


def test_a_damaged_secret_in_a_state_is_bad_input(project):
    damaged = SECRET | {"plaintext": "hunter2"}

    code, printed = give("--state", state(project, damaged))

    assert code == Exit.BAD_INPUT
    assert printed == (
        "error: --state: aws:lb/listener:Listener http: `plaintext` of a secret must be JSON, got "
        "something else\n"
    )


@pytest.mark.parametrize("option", ["--state", "--plan"])
@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("fifo", "fifo: must be a regular file, got a pipe"),
        ("/dev/zero", "/dev/zero: must be a regular file, got a device"),
        ("a\0b", "must be a path that can exist, got 'a\\x00b'"),
    ],
    ids=["fifo", "device", "NUL"],
)
def test_what_is_no_file_is_refused_at_once(project, option, path, message):
    os.mkfifo(project / "fifo")

    code, printed = give(option, path)

    assert code == 2
    assert message in printed
    assert "Traceback" not in printed


def test_a_pipe_without_an_end_is_refused(project, monkeypatch):
    monkeypatch.setattr(limits, "DOCUMENT_BYTES_MAX", 1000)

    assert give("--state", "-", text="y\n" * 1000) == (
        2,
        "error: --state: standard input: must have at most 1,000 bytes, got more\n",
    )


def test_a_state_with_a_key_twice_is_refused(project):
    text = state(project).read_text().replace('"port": 80', '"port": 80, "port": 443')
    (project / "state.json").write_text(text)

    code, printed = give("--state", "state.json")

    assert code == 2
    assert "inputs.port: must be given only once, got it again (first in line 1)" in printed


def test_a_property_of_another_kind_is_refused_and_not_judged(project):
    code, printed = give("--state", state(project, ["HTTPS"]))

    assert code == 1
    assert (
        "high      resource-is-readable  aws:lb/listener:Listener http: `protocol` must be a text, "
        "got a list." in printed
    )
    assert "`protocol` must be a text, got a list, so that it cannot be read" in printed
    assert "lb-listener-serves-https" in printed
    assert printed.splitlines()[-3].startswith("1 violation: 1 high")
