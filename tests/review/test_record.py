"""The file that a review is kept in, and what changed since the last one."""

import json
from dataclasses import replace

import pytest

from surgeproof.plan import Quotas
from surgeproof.review import record
from surgeproof.settings.errors import DocumentError
from surgeproof.simulation.outcomes import Word
from tests.review.kept import BROKEN, GROWTH, HEADROOM, QUOTA, REVIEW
from tests.simulation.support import group, scaling


def test_what_is_kept_is_read_again(tmp_path):
    path = record.place_of(tmp_path, "prod")
    record.keep(path, REVIEW)

    assert path == tmp_path / "reviews" / "prod.review.json"
    assert record.read(path) == REVIEW
    assert path.read_text() == record.to_json(REVIEW)
    assert [each.name for each in path.parent.iterdir()] == ["prod.review.json"]


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


def test_the_schema_in_the_documentation_is_that_of_the_code():
    assert record.SCHEMA_FILE.read_text() == record.schema_text()
