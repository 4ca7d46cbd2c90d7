"""An instance refresh that does not end is said where the verdict is, and lowers it."""

import pytest

from surgeproof.plan import InstanceRefresh, Quotas
from surgeproof.simulation import Injected, Injection
from surgeproof.simulation.outcomes import Word
from surgeproof.simulation.verdict import judge
from tests.simulation.support import constant, fixed, group

REFRESH = (Injected(kind=Injection.INSTANCE_REFRESH, start_seconds=600),)


def refreshed(**changes):
    refresh = InstanceRefresh(min_healthy_percent=100, max_healthy_percent=100)
    return fixed(4, groups=(group(min_size=4, max_size=4, refresh=refresh),), **changes)


@pytest.mark.parametrize(
    ("plan", "seconds", "said"),
    [
        (
            # One is replaced every 133.5 s, at 733.5 s and at 867 s.
            refreshed(),
            900,
            (
                "The instance refresh was still under way at the end of the trace in {runs} of "
                "{runs} runs (2 instances not replaced in the typical one)."
            ),
        ),
        (
            refreshed(quotas=Quotas(vcpus=8)),
            5400,
            (
                "The instance refresh could not go on for an hour, and failed in {runs} of {runs} "
                "runs (4 instances not replaced in the typical one)."
            ),
        ),
    ],
    ids=["the trace ends", "the quota is full"],
)
def test_a_refresh_that_does_not_end_is_said_and_lowers_the_verdict(plan, seconds, said):
    verdict = judge(plan, constant(100, seconds), injected=REFRESH, with_standing=False).verdict

    assert verdict.word is Word.UNCERTAIN
    assert said.format(runs=verdict.measured.runs) in verdict.warnings
    assert "the instance refresh" in verdict.why


def test_a_refresh_that_ends_is_no_warning():
    verdict = judge(refreshed(), constant(100, 3600), injected=REFRESH, with_standing=False).verdict

    assert (verdict.word, verdict.warnings) == (Word.SURVIVES, ())
