"""CloudWatch's alarms, against the worked examples of its user guide."""

import numpy as np
import pytest

from surgeproof.simulation.compiled import records as r
from surgeproof.simulation.compiled.alarms import alarm_state, breaches, composite_step

STATES = {"INSUFFICIENT_DATA": r.INSUFFICIENT, "OK": r.OK, "ALARM": r.ALARM}
TREATMENTS = {
    "missing": r.MISSING,
    "ignore": r.IGNORE,
    "breaching": r.BREACHING,
    "notBreaching": r.NOT_BREACHING,
}


def state_of(points, n, m, treatment, before="OK"):
    codes = np.array([{"0": 0, "X": 1, "-": -1}[point] for point in points], np.int8)
    return alarm_state(codes, codes.size, n, m, TREATMENTS[treatment], STATES[before])


# CloudWatch user guide, "Configuring how CloudWatch alarms treat missing data": both tables, N = 3.
# The state after `ignore` is "keep" where the guide says that the current state is retained.
MISSING_DATA_TABLE = [
    ("0-X-X", 3, "OK", "OK", "OK", "OK"),
    ("0----", 3, "OK", "OK", "OK", "OK"),
    ("-----", 3, "INSUFFICIENT_DATA", "keep", "ALARM", "OK"),
    ("0XX-X", 3, "ALARM", "ALARM", "ALARM", "ALARM"),
    ("--X--", 3, "ALARM", "keep", "ALARM", "OK"),
    ("0-X-X", 2, "ALARM", "ALARM", "ALARM", "ALARM"),
    ("00X0X", 2, "ALARM", "ALARM", "ALARM", "ALARM"),
    ("0-X--", 2, "OK", "OK", "ALARM", "OK"),
    ("----0", 2, "OK", "OK", "ALARM", "OK"),
    ("---X-", 2, "ALARM", "keep", "ALARM", "OK"),
]


@pytest.mark.parametrize(
    ("points", "m", "missing", "ignore", "breaching", "not_breaching"),
    MISSING_DATA_TABLE,
    ids=[f"{row[0]}-{row[1]}-of-3" for row in MISSING_DATA_TABLE],
)
def test_missing_data_table(points, m, missing, ignore, breaching, not_breaching):
    expected = {
        "missing": missing,
        "ignore": ignore,
        "breaching": breaching,
        "notBreaching": not_breaching,
    }

    for treatment, state in expected.items():
        for before in STATES:
            wanted = before if state == "keep" else state
            assert state_of(points, 3, m, treatment, before) == STATES[wanted]


@pytest.mark.parametrize("points", ["----X", "---X-"])
def test_a_young_breach_does_not_alarm_early(points):
    """CW, avoiding premature transitions; with fewer than M breaching the state is OK."""
    for before, state in STATES.items():
        assert state_of(points, 3, 3, "missing", before) == r.OK
        assert state_of(points, 3, 3, "ignore", before) == state


def test_m_of_n_need_not_be_consecutive():
    assert state_of("00X0X", 5, 2, "missing") == r.ALARM
    assert state_of("00X0X", 5, 3, "missing") == r.OK


@pytest.mark.parametrize(
    ("comparison", "below", "at", "above"),
    [
        (r.GREATER, False, False, True),
        (r.GREATER_OR_EQUAL, False, True, True),
        (r.LESS, True, False, False),
        (r.LESS_OR_EQUAL, True, True, False),
    ],
    ids=["greater", "greater-or-equal", "less", "less-or-equal"],
)
def test_comparison(comparison, below, at, above):
    assert [breaches(value, comparison, 10.0) for value in (9.0, 10.0, 11.0)] == [below, at, above]


# CloudWatch user guide, "Composite alarm action suppression": its examples 1 to 6, in time units,
# the wait being 2 and the extension 3. Each row: transitions of the composite alarm, transitions of
# the suppressor, and when actions are taken.
SUPPRESSION_EXAMPLES = {
    "1-not-suppressed-after-wait": ({2: True}, {}, [4]),
    "2-suppressed-before-wait-expires": ({2: True}, {3: True}, []),
    "3-transition-during-wait": ({2: True, 3: False}, {}, [5]),
    "4-suppressed-by-alarm": ({2: True}, {0: True}, []),
    "5-not-suppressed-after-extension": ({2: True}, {3: True, 6: False}, [9]),
    "6-transition-during-extension": ({2: True, 7: False}, {3: True, 6: False}, [9]),
}


@pytest.mark.parametrize(
    ("composite", "suppressor", "acts"),
    SUPPRESSION_EXAMPLES.values(),
    ids=SUPPRESSION_EXAMPLES.keys(),
)
def test_suppression_example(composite, suppressor, acts):
    rule = np.zeros(1, r.COMPOSITE)[0]
    rule["suppressor"], rule["wait"], rule["extension"] = 0, 2.0, 3.0
    state = np.zeros(1, r.COMPOSITE_STATE)[0]
    state["state"] = state["acted_state"] = state["suppressor_state"] = r.OK
    state["wait_until"] = state["extension_until"] = r.NEVER
    truth, suppressing, acted = False, r.OK, []

    for t in range(13):
        truth = composite.get(t, truth)
        if t in suppressor:
            suppressing = r.ALARM if suppressor[t] else r.OK
        if composite_step(rule, state, truth, suppressing, float(t)):
            acted.append(t)

    assert acted == acts


def test_without_a_suppressor_actions_come_at_once():
    rule = np.zeros(1, r.COMPOSITE)[0]
    rule["suppressor"] = -1
    state = np.zeros(1, r.COMPOSITE_STATE)[0]
    state["state"] = r.OK

    assert composite_step(rule, state, True, r.OK, 1.0)
    assert not composite_step(rule, state, True, r.OK, 2.0)
