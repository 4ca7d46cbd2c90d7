"""Each operation of the real engine on the embedded AWS, through the commands."""

import json
import re
import socket
import stat
import time
from pathlib import Path

import pytest

from surgeproof.exits import Exit

pytestmark = pytest.mark.engine


def topics(checkout) -> set[str]:
    listed = checkout.client("sns").list_topics()["Topics"]
    return {topic["TopicArn"].rpartition(":")[2] for topic in listed}


def test_a_stack_lives_from_up_to_down(tiny):
    printed = tiny.must("up")

    assert "Up: 9 created." in printed
    assert "arn:aws:sns:eu-west-1:123456789012:tiny-0" in printed
    assert "password  [secret]" in printed
    assert topics(tiny) == {f"tiny-{number}" for number in range(6)}

    assert "Preview: 9 unchanged." in tiny.must("preview")
    assert "Nothing to change: the 8 resources" in tiny.must("up")
    assert "8 resources" in tiny.must("status")

    printed = tiny.must("down")
    assert "8 resources deleted" in printed
    assert "still held" not in printed
    tiny.assert_nothing_is_left()
    assert "not up" in tiny.must("status")
    assert "Nothing to take down" in tiny.must("down")
    tiny.assert_nothing_is_left()


def test_down_tells_what_the_emulator_holds_beyond_the_stack(tiny):
    tiny.must("up")
    tiny.client("sns").create_topic(Name="by-hand")

    printed = tiny.must("down")

    assert "still held what the stack does not know: sns topics arn:" in printed
    assert ":by-hand. It is gone with it." in printed
    tiny.assert_nothing_is_left()


def test_a_change_in_place_keeps_the_resource(tiny):
    tiny.must("up")
    before = tiny.client("ec2").describe_vpcs()["Vpcs"]
    tiny.configure(displayName="Renamed")

    planned = tiny.must("preview")
    printed = tiny.must("up")

    assert "  update aws:sns/topic:Topic topic-3: displayName\n" in planned
    assert "Up: 6 updated, 3 unchanged." in printed
    assert tiny.client("ec2").describe_vpcs()["Vpcs"] == before
    arn = "arn:aws:sns:eu-west-1:123456789012:tiny-0"
    attributes = tiny.client("sns").get_topic_attributes(TopicArn=arn)["Attributes"]
    assert attributes["DisplayName"] == "Renamed"


def test_a_change_that_cannot_be_made_in_place_replaces(tiny):
    tiny.must("up")
    tiny.configure(prefix="other")

    planned = tiny.must("preview")
    printed = tiny.must("up")

    assert "  replace aws:sns/topic:Topic topic-3: name\n" in planned

    assert "6 replaced" in printed
    assert topics(tiny) == {f"other-{number}" for number in range(6)}
    assert "Nothing to change" in tiny.must("up")


def test_refresh_finds_what_was_deleted_behind_pulumi(tiny):
    tiny.must("up")
    arn = "arn:aws:sns:eu-west-1:123456789012:tiny-0"
    tiny.client("sns").delete_topic(TopicArn=arn)

    printed = tiny.must("up", "--refresh")

    assert "1 created" in printed
    assert "tiny-0" in topics(tiny)


def test_refresh_finds_what_was_changed_behind_pulumi(tiny):
    tiny.must("up")
    arn = "arn:aws:sns:eu-west-1:123456789012:tiny-0"
    sns = tiny.client("sns")
    sns.set_topic_attributes(TopicArn=arn, AttributeName="DisplayName", AttributeValue="Odd")

    printed = tiny.must("up", "--refresh")

    assert "1 updated" in printed
    assert sns.get_topic_attributes(TopicArn=arn)["Attributes"]["DisplayName"] == "Tiny"


def test_secrets_lie_encrypted_in_the_state_and_nowhere_else(tiny):
    printed = tiny.must("up") + tiny.must("status")

    assert "correct-horse" not in printed
    assert "hunter2" not in printed
    for file in tiny.run.rglob("*"):
        content = file.read_bytes() if file.is_file() else b""
        assert b"correct-horse" not in content, file
        assert b"hunter2" not in content, file
    log = next(r for r in tiny.state().resources if r["type"].endswith("LogGroup"))
    assert "ciphertext" in json.dumps(log["inputs"]["tags"])
    assert "ciphertext" in json.dumps(log["outputs"]["tagsAll"])
    tags = tiny.client("logs").list_tags_log_group(logGroupName=log["id"])["tags"]
    assert tags == {"secret": "hunter2-in-a-tag"}
    assert stat.S_IMODE((tiny.run / "passphrase").stat().st_mode) == 0o600


def test_a_refused_secret_is_not_quoted(tiny):
    tiny.configure(secretName="no such name, hunter2-it-is")

    code, printed = tiny.give("up")

    assert code == Exit.FAILED
    assert "resource 'secret' has a problem: name must be 1 to 256 letters" in printed
    assert "[secret]" in printed
    assert "hunter2" not in printed
    kept = [
        path for path in (tiny.run).rglob("*") if path.is_file() and "project" not in path.parts
    ]
    assert not [path for path in kept if b"hunter2-it-is" in path.read_bytes()]


def test_settings_of_the_checkout_are_only_read(tiny):
    files = {path: path.read_bytes() for path in tiny.root.glob("*") if path.is_file()}

    tiny.must("up")

    assert files == {path: path.read_bytes() for path in tiny.root.glob("*") if path.is_file()}


def test_policies_stop_before_anything_is_created(tiny):
    tiny.add_policies()
    tiny.configure(displayName="Wrong")

    code, printed = tiny.give("up")

    assert code == Exit.NO
    assert "aws:sns/topic:Topic topic-0: displayName must be Tiny" in printed
    assert (
        printed.splitlines()[-1] == "error: preview stopped by 6 violations of mandatory policies"
    )
    assert topics(tiny) == set()

    (tiny.root / "levels.json").write_text('{"topic-name": "advisory"}')
    printed = tiny.must("preview", "--policy-pack-config", "levels.json")
    assert "aws:sns/topic:Topic topic-0: displayName must be Tiny" in printed

    tiny.configure(displayName="Tiny")
    printed = tiny.must("up")
    assert "aws:ec2/vpc:Vpc network: think of your addresses" in printed
    assert "Up: 9 created." in printed


def test_a_preview_leaves_nothing(tiny):
    assert "Preview: 9 to create." in tiny.must("preview")
    tiny.assert_nothing_is_left()


def test_a_refused_property_is_named_with_its_resource(tiny):
    tiny.configure(prefix="no spaces in names")

    code, printed = tiny.give("up")

    assert code == Exit.FAILED
    assert re.search(
        r"topic-(\d+): .* property name .* must .*, got 'no spaces in names-\1'", printed
    )
    assert "Traceback" not in printed


@pytest.mark.parametrize("error", ["ValueError", "pulumi.RunError"])
def test_an_error_of_the_program_is_one_clear_line(tiny, error):
    program = tiny.root / "__main__.py"
    program.write_text(f"import pulumi\nraise {error}('fleet.maxSize: must be at least 1, got 0')")

    code, printed = tiny.give("preview")

    assert code == Exit.FAILED
    errors = [line for line in printed.splitlines() if line.startswith("error: ")]
    assert errors == ["error: fleet.maxSize: must be at least 1, got 0", "error: preview failed"]
    assert "Traceback" not in printed
    tiny.assert_nothing_is_left()


def test_two_commands_at_once(tiny):
    first = tiny.start("up")
    while not tiny.record("owner.json"):
        time.sleep(0.01)

    code, printed = tiny.give("up")

    assert code == Exit.FAILED
    assert printed == (
        f"error: process {first.pid} (up) is at work on stack local; wait until it has ended\n"
    )
    first.communicate()
    assert first.returncode == 0


def test_a_taken_port_is_one_clear_error(tiny):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()

        code, printed = tiny.give("up", "--port", str(taken.getsockname()[1]))

    assert code == Exit.FAILED
    assert "error: --port: must be free, but another process listens on it" in printed
    assert "Up:" in tiny.must("up")


def test_the_emulator_listens_on_loopback_only(tiny):
    tiny.must("up")
    port = tiny.record("emulator.json")["port"]
    listening = Path("/proc/net/tcp").read_text() + Path("/proc/net/tcp6").read_text()

    places = [line.split()[1] for line in listening.splitlines() if f":{port:04X} " in line]

    assert {place.partition(":")[0] for place in places if place.endswith(f":{port:04X}")} == {
        "0100007F"
    }
