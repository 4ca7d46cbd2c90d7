"""A review as it is kept, which tests change one thing of."""

from datetime import UTC, date, datetime

from surgeproof.plan import Quotas
from surgeproof.plan.configured import Surviving
from surgeproof.review import record
from surgeproof.review.account import Quota
from surgeproof.review.due import due_of
from surgeproof.review.growth import Growth, Reached
from surgeproof.review.headroom import Break, Headroom, Named, Room, Spend
from surgeproof.review.record import Dated, Review
from surgeproof.simulation.outcomes import Outcome, Word
from tests.simulation.support import scaling

NOW = datetime(2026, 11, 27, 9, tzinfo=UTC)
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
