"""The page of an alarm is ready to paste: its commands name the alarm's own stack."""

import re

import pytest
from click.testing import CliRunner

from surgeproof.commands.main import main
from surgeproof.operations.runbook_pages import page, titles
from tests.engine.conftest import ROOT

ALARMS = {
    "surge": "surge",
    "shop-dev-web-request-surge-fast-critical": "request-surge",
    "shop-dev-web-surge-critical": "surge",
    "shop-dev-web-database-cpu-warning": "database-cpu",
}


@pytest.mark.parametrize(("asked", "expected"), ALARMS.items())
def test_an_alarm_leads_to_its_page(asked, expected):
    heading = (ROOT / "docs" / "runbooks" / f"{expected}.md").read_text().splitlines()[0]

    assert page(ROOT, "shop", "dev", asked).splitlines()[0] == heading


def test_what_is_no_alarm_has_no_page():
    assert page(ROOT, "shop", "dev", "surges") is None
    assert page(ROOT, "shop", "dev", "") is None


@pytest.mark.parametrize("title", titles(ROOT))
def test_no_name_of_another_stack_is_left(title):
    text = page(ROOT, "shop", "dev", title)

    assert re.findall(r"surgeproof-prod|stack `?prod|their place", text) == []


def test_commands_name_the_stack():
    text = page(ROOT, "shop", "dev", "surge")

    assert "Names below are those of stack `dev`." in text
    assert "describe-alarms --alarm-name-prefix shop-dev- --state-value ALARM" in text
    assert "--auto-scaling-group-name shop-dev-web --min-size 20" in text
    assert "surgeproof runbook run surge-response --stack dev --set MinSize=20" in text


def test_no_page_raises_a_minimum_by_hand_before_the_runbook():
    for path in (ROOT / "docs" / "runbooks").glob("*.md"):
        before, raised, _ = path.read_text().partition("--min-size")
        assert not raised or "surgeproof runbook run surge-response" in before, path.name


def test_the_command_prints_it_without_aws(monkeypatch):
    monkeypatch.chdir(ROOT)

    shown = CliRunner().invoke(
        main, ["runbook", "show", "surgeproof-dev-web-surge-critical", "--stack", "dev"]
    )

    assert shown.exit_code == 0
    assert shown.output == f"{page(ROOT, 'surgeproof', 'dev', 'surge')}\n"
