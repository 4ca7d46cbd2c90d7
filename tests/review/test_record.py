"""The file that a review is kept in, and what changed since the last one."""

import json
from dataclasses import replace
from datetime import date

import pytest

from surgeproof.plan import Quotas
from surgeproof.plan.configured import Surviving
from surgeproof.review import record
from surgeproof.review.account import Quota
from surgeproof.review.due import due_of
from surgeproof.review.growth import Growth, Reached
from surgeproof.review.headroom import Break, Headroom, Named, Room, Spend
from surgeproof.review.record import Dated, Review
from surgeproof.settings.errors import DocumentError
from surgeproof.simulation.outcomes import Outcome, Word
from tests.review.test_due import NOW
from tests.simulation.support import group, scaling

BROKEN = Break(
    limits=(
        Named(
            limit="max_size",
            resource="aws.autoscaling.Group `web`",
            property="maxSize",
            setting="fleet.maxSize",
            value="6 instances",
        ),
    ),
    survives=1.5,
    breaks=1.53,
    peak_requests_per_second=306,
    runs=140,
    survived_runs=139,
    beyond=1.683,
    beyond_survived_runs=20,
    worst=Outcome(affected_users_percent=3.5, bad_minutes=7, survived=False),
    worst_without=Outcome(affected_users_percent=0.0, bad_minutes=0, survived=True),
    survives_again=(),
    tried=(1.0, 1.25, 1.5, 1.53, 1.5625),
)
HEADROOM = Headroom(
    surge="sale",
    trace="x2-in-300s",
    group="web",
    peak_requests_per_second=200,
    word=Word.SURVIVES,
    runs=140,
    survived_runs=140,
    most=20,
    breaks=(BROKEN,),
    survives=1.5,
    rooms=(
        Room(
            limit="maximum size",
            setting="`maxSize` of aws.autoscaling.Group `web`",
            value=6,
            unit="instances",
            source="plan",
            use=4,
            multiple=1.5,
        ),
    ),
    costs=(Spend(multiple=1.0, hours=1, instance_hours=4, price=0.5, currency="USD"),),
    notes=(),
)
GROWTH = Growth(
    what="requests/s",
    source=("requests.csv",),
    first=date(2026, 1, 1),
    last=date(2026, 11, 1),
    days=300,
    recent_peak=190.0,
    too_little="",
    level=180.0,
    percent_per_month=3.0,
    low_percent_per_month=2.5,
    high_percent_per_month=3.5,
    weekdays=(1.0, 1.1, 1.1, 1.0, 1.0, 0.6, 0.5),
    horizon=date(2027, 9, 1),
)
PLAN = scaling(quotas=Quotas(vcpus=32))
QUOTA = Quota(name="vCPU", service="ec2", code="L-1216C47A", value=32, source="account.vcpuQuota")
REVIEW = Review(
    schema_version=record.SCHEMA,
    made_at="2026-11-27T09:00:00+00:00",
    stack="prod",
    plan_from="program",
    word=Word.SURVIVES,
    limits=Surviving(),
    headrooms=(HEADROOM,),
    quotas=(QUOTA,),
    growth=(GROWTH,),
    dates=(
        Dated(
            limit="surge sale: maximum size",
            what="requests/s",
            reached=Reached(
                multiple=1.53,
                earliest=date(2027, 1, 1),
                likely=date(2027, 2, 1),
                latest=None,
            ),
            said="2027-02-01 (2027-01-01 to after 2027-09-01)",
        ),
    ),
    due=due_of([], stack="prod", now=NOW),
    settings=record.settings_of(PLAN),
    notes=(),
    since=None,
    changes=(),
)


def test_what_is_kept_is_read_again(tmp_path):
    path = record.place_of(tmp_path, "prod")
    record.keep(path, REVIEW)

    assert path == tmp_path / "reviews" / "prod.json"
    assert record.read(path) == REVIEW
    assert path.read_text() == record.to_json(REVIEW)
    assert [each.name for each in path.parent.iterdir()] == ["prod.json"]


def test_without_a_file_there_is_no_last_review(tmp_path):
    assert record.read(record.place_of(tmp_path, "prod")) is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schema_version": 2}, "must have `schema_version` 1, got 2"),
        ({"word": "fine"}, "word: must be a review (Input should be "),
        ({"more": 1}, "more: must be a review (Unexpected keyword argument), got 1"),
    ],
)
def test_a_file_of_another_form_is_refused_with_the_place(tmp_path, change, said):
    path = tmp_path / "prod.json"
    path.write_text(json.dumps(json.loads(record.to_json(REVIEW)) | change))

    with pytest.raises(DocumentError) as refused:
        record.read(path)

    assert said in str(refused.value)
    assert str(refused.value).startswith(f"{path}: ")


def test_nothing_has_changed_between_a_review_and_itself():
    assert record.changes(REVIEW, REVIEW) == ()


def with_headroom(**changes):
    return replace(REVIEW, headrooms=(replace(HEADROOM, **changes),))


QUICKER = replace(BROKEN, limits=(replace(BROKEN.limits[0], limit="launch"),))


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (
            replace(
                REVIEW,
                settings=record.settings_of(
                    scaling(quotas=Quotas(vcpus=32), groups=(group(max_size=12),))
                ),
            ),
            "`groups[web].max_size`: 10 -> 12",
        ),
        (
            replace(REVIEW, quotas=(replace(QUOTA, value=64.0, source="Service Quotas"),)),
            "quota vCPU: 32 (account.vcpuQuota) -> 64 (Service Quotas)",
        ),
        (with_headroom(word=Word.FAILS), "surge sale: survives -> fails at today's peak"),
        (
            with_headroom(peak_requests_per_second=260),
            "surge sale: today's peak 200 -> 260 requests/s",
        ),
        (with_headroom(survives=1.3), "surge sale: survives 1.5 x -> 1.3 x"),
        (with_headroom(breaks=(QUICKER,)), "surge sale: breaks first by max_size -> launch"),
        (with_headroom(surge="other"), "surge other: was not reviewed before"),
        (
            replace(REVIEW, growth=(replace(GROWTH, recent_peak=230.0),)),
            "requests/s: highest recent peak 190 -> 230",
        ),
        (
            replace(
                REVIEW,
                growth=(
                    replace(
                        GROWTH,
                        percent_per_month=6.0,
                        low_percent_per_month=5.0,
                        high_percent_per_month=7.0,
                    ),
                ),
            ),
            "requests/s: growth +3.0 -> +6.0 % a month",
        ),
    ],
)
def test_what_has_changed_is_said(now, said):
    assert record.changes(REVIEW, now)[0] == said


def test_noise_of_the_search_and_of_the_trend_is_no_change():
    now = replace(
        with_headroom(survives=1.52, peak_requests_per_second=203),
        growth=(replace(GROWTH, percent_per_month=3.2, recent_peak=193.0),),
    )

    assert record.changes(REVIEW, now) == ()
