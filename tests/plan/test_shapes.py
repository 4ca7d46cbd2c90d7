"""What kind of value each property has, and what is done with others."""

import enum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surgeproof.plan.shapes import FILE, Misfit, fitted, spelled_number, tokens
from surgeproof.policies import shapes as generator
from surgeproof.policies._values import SecretText

GROUP = "aws:autoscaling/group:Group"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
TOPIC = "aws:sns/topic:Topic"


class Mark(enum.Enum):
    UNKNOWN = "unknown"


def fit(token, **properties):
    found, misfits = fitted(token, properties, Mark.UNKNOWN)
    return found, [str(each) for each in misfits]


def test_the_table_is_the_one_of_the_provider():
    assert FILE.read_text() == generator.table()


def test_load_balancers_are_known_by_all_their_names():
    assert {f"aws:{module}/listener:Listener" for module in ("lb", "alb")} <= tokens()
    assert fit("aws:alb/listener:Listener", port=[])[1] == ["`port` must be a number, got a list"]


@pytest.mark.parametrize(
    ("token", "properties"),
    [
        (GROUP, {"minSize": 2, "vpcZoneIdentifiers": ["a", Mark.UNKNOWN], "tags": None}),
        (GROUP, {"warmPool": {"poolState": "Stopped", "minSize": Mark.UNKNOWN}, "own": [1]}),
        (ALARM, {"dimensions": {"a": "b"}, "threshold": 0.5, "actionsEnabled": True}),
        (TOPIC, {"policy": '{"Statement": []}'}),
        (TOPIC, {"policy": {"Statement": []}}),
        (TOPIC, {"policy": ""}),
        ("aws:ec2/other:Other", {"anything": [{"a": 1}]}),
        ("random:index/x:X", {"a": {}}),
    ],
)
def test_what_fits_stays(token, properties):
    assert fit(token, **properties) == (properties, [])


@pytest.mark.parametrize(
    ("token", "given", "kept"),
    [
        (GROUP, {"minSize": "2"}, {"minSize": 2}),
        (ALARM, {"threshold": "0.5"}, {"threshold": 0.5}),
        (ALARM, {"actionsEnabled": "True"}, {"actionsEnabled": True}),
        (ALARM, {"dimensions": {"a": 5}}, {"dimensions": {"a": "5"}}),
        (TOPIC, {"name": True}, {"name": "true"}),
        (TOPIC, {"name": 1.5}, {"name": "1.5"}),
    ],
)
def test_scalars_become_what_their_property_is(token, given, kept):
    found, misfits = fit(token, **given)

    assert repr(found) == repr(kept)
    assert misfits == []


def test_what_the_bridge_notes_beside_values_is_no_value():
    """In each map of a real state's inputs, those of tags and dimensions too."""
    found, misfits = fit(
        ALARM,
        dimensions={"__defaults": [], "LoadBalancer": "app/web/1"},
        tags={"__defaults": []},
        metricQueries=[{"__defaults": [], "id": "m1", "metric": {"__defaults": ["stat"]}}],
        __defaults=["name"],
    )

    assert misfits == []
    assert found == {
        "dimensions": {"LoadBalancer": "app/web/1"},
        "tags": {},
        "metricQueries": [{"id": "m1", "metric": {}}],
    }


def test_secrets_stay_secret():
    found, misfits = fit(GROUP, minSize=SecretText("2"), name=SecretText("a"))

    assert type(found["minSize"]) is type(found["name"]) is SecretText
    assert misfits == []


@pytest.mark.parametrize(
    ("token", "given", "problem"),
    [
        (GROUP, {"minSize": "two"}, "`minSize` must be a number, got a text"),
        (GROUP, {"minSize": True}, "`minSize` must be a number, got true"),
        (GROUP, {"minSize": 10**400}, "`minSize` must be a number, got a number"),
        (GROUP, {"minSize": "nan"}, "`minSize` must be a number, got a text"),
        (GROUP, {"vpcZoneIdentifiers": "a"}, "`vpcZoneIdentifiers` must be a list, got a text"),
        (ALARM, {"dimensions": []}, "`dimensions` must be a mapping of keys, got a list"),
        (ALARM, {"actionsEnabled": 1}, "`actionsEnabled` must be true or false, got a number"),
        (TOPIC, {"name": {}}, "`name` must be a text, got a mapping"),
        (
            TOPIC,
            {"name": "x" * 65_537},
            "`name` must be a text of at most 65,536 characters, got 65,537",
        ),
        (TOPIC, {"policy": "{"}, "`policy` must be JSON that can be read, got another text"),
        (
            TOPIC,
            {"policy": '{"a": 1, "a": 2}'},
            "`policy` must be JSON that can be read, got another text",
        ),
    ],
)
def test_what_does_not_fit_is_named_and_replaced(token, given, problem):
    assert fit(token, **given) == (dict.fromkeys(given, Mark.UNKNOWN), [problem])


def test_what_does_not_fit_inside_is_named_by_its_path():
    found, misfits = fit(
        GROUP,
        vpcZoneIdentifiers=["a", None, {}],
        warmPool={"minSize": [], "poolState": "Stopped"},
    )

    assert found == {
        "vpcZoneIdentifiers": ["a", Mark.UNKNOWN, Mark.UNKNOWN],
        "warmPool": {"minSize": Mark.UNKNOWN, "poolState": "Stopped"},
    }
    assert misfits == [
        "`vpcZoneIdentifiers[1]` must be given, got nothing",
        "`vpcZoneIdentifiers[2]` must be a text, got a mapping",
        "`warmPool.minSize` must be a number, got a list",
    ]


@pytest.mark.parametrize(
    ("path", "concerns"),
    [
        ("a.b", True),
        ("a", True),
        ("a.b.c", True),
        ("a.b[0]", True),
        ("a.bc", False),
        ("a.c", False),
        ("b", False),
    ],
)
def test_a_misfit_concerns_what_is_around_and_inside_it(path, concerns):
    assert Misfit("a.b", "be a list", "a text").concerns(path) is concerns


@given(st.floats(-1e300, 1e300) | st.integers(-(10**20), 10**20))
def test_numbers_are_spelled_and_read_back(number):
    assert spelled_number(repr(number)) == float(number)


@pytest.mark.parametrize("text", ["", "nan", "inf", "1e999", "1_0", " 1", "0x1", "1,5", "\u0661"])
def test_what_spells_no_number(text):
    assert spelled_number(text) is None


def test_blocks_that_hold_themselves_are_followed_as_far_as_the_value_goes():
    statement = {"geoMatchStatement": {"countryCodes": "DE"}}
    for _ in range(3):
        statement = {"notStatement": {"statement": statement}}

    _, misfits = fit("aws:wafv2/webAcl:WebAcl", rules=[{"statement": statement}])

    path = f"rules[0].statement{'.notStatement.statement' * 3}.geoMatchStatement.countryCodes"
    assert misfits == [f"`{path}` must be a list, got a text"]
