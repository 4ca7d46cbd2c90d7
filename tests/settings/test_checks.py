"""One definition of a setting: what is read of it, and in whose words what is wrong is told."""

from collections.abc import Awaitable, Mapping
from enum import StrEnum
from typing import Annotated, NotRequired, TypedDict

import pytest

from surgeproof.settings.checks import Definition, Problem, docs_of, fields_of
from surgeproof.settings.errors import ArgsError
from surgeproof.settings.fields import choice, group, items, number, switch, text, whole
from surgeproof.settings.keys import Group, Keys


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class WheelArgs(TypedDict):
    """A wheel."""

    size_cm: Annotated[float, number("cm", 10, 100)]
    """Its diameter,
    measured outside."""
    spokes: NotRequired[Annotated[int, whole("spokes", 0, default=36)]]
    """How many there are."""


class BikeArgs(TypedDict):
    """A bike."""

    owner_id: str
    """Whose it is."""
    key_code: NotRequired[
        Annotated[str | Awaitable[str], text("code", "be 4 digits", pattern=r"\d{4}", hidden=True)]
    ]
    """What opens its lock."""
    gear_count: NotRequired[Annotated[int, whole("gears", 1, 30, default=8)]]
    """Gears."""
    low_gear: NotRequired[Annotated[int, whole("gears", 1, 30, default=1)]]
    """The lowest one in use."""
    colour: NotRequired[Annotated[Colour, choice(Colour, default=Colour.RED)]]
    """Its colour."""
    lit: NotRequired[Annotated[bool, switch(default=False)]]
    """Whether it has a lamp."""
    front: NotRequired[Annotated[WheelArgs, group()]]
    """The front wheel."""
    spares: NotRequired[
        Annotated[list[WheelArgs], items("list", "be a list of 1 to 2 wheels", low=1, high=2)]
    ]
    """Wheels that are carried."""
    labels: NotRequired[
        Annotated[Mapping[str, str], items("mapping", "be a mapping", item=text(must="be a text"))]
    ]
    """What is written on it."""


def _gears(values):
    low, most = values["low_gear"], values["gear_count"]
    if low > most:
        yield Problem(("low_gear",), f"be at most {{gear_count={most}}}", low)


BIKE = Definition("Bike", BikeArgs, relations=(_gears,))


class Top(TypedDict):
    """Nothing."""


KEYS = Keys((Group(name="bike", doc="A bike.", types=(BikeArgs,)),), Top, (BIKE,))


def test_the_classes_are_left_plain_annotations():
    assert BikeArgs.__annotations__["gear_count"] == NotRequired[int]
    assert BikeArgs.__annotations__["spares"] == NotRequired[list[WheelArgs]]
    assert WheelArgs.__annotations__["size_cm"] is float


def test_meanings_are_the_docstrings():
    assert docs_of(WheelArgs)["size_cm"] == "Its diameter, measured outside."


def test_defaults_are_filled_in_and_whole_numbers_may_be_floats():
    given = {"owner_id": "a", "gear_count": 7.0, "front": {"size_cm": 70}, "colour": "blue"}

    assert BIKE.check(given) == {
        "owner_id": "a",
        "gear_count": 7,
        "low_gear": 1,
        "colour": Colour.BLUE,
        "lit": False,
        "front": {"size_cm": 70, "spokes": 36},
    }
    assert isinstance(BIKE.check(given)["gear_count"], int)


def test_none_is_as_if_it_were_not_given():
    assert BIKE.check({"owner_id": "a", "front": None}) == BIKE.check({"owner_id": "a"})


WRONG = [
    ({"gear_count": 31}, "gear_count: must be a whole number from 1 to 30, got 31"),
    ({"gear_count": True}, "gear_count: must be a whole number from 1 to 30, got true"),
    ({"gear_count": float("inf")}, "gear_count: must be a whole number from 1 to 30, got inf"),
    ({"low_gear": 9}, "low_gear: must be at most gear_count (8), got 9"),
    ({"key_code": "hunter2"}, "key_code: must be 4 digits, got [secret]"),
    ({"colour": ["red"]}, "colour: must be one of red, blue, got a list of 1"),
    ({"lit": 1}, "lit: must be true or false, got 1"),
    ({"front": 5}, "front: must be a mapping of keys, got 5"),
    ({"front": {}}, "front.size_cm: must be a number from 10 to 100, got nothing"),
    ({"spares": []}, "spares: must be a list of 1 to 2 wheels, got a list of 0"),
    ({"spares": [{"size_cm": 20}, 7]}, "spares[1]: must be a mapping of keys, got 7"),
    ({"labels": {"a": 5}}, "labels.a: must be a text, got 5"),
    ({"labels": {5: "a"}}, "labels: must have names that are texts, got a mapping of 5"),
    ({"gears": 5}, "gears: must be a key that exists (nearest: low_gear), got 'gears'"),
    ({5: 5}, "5: must be a key that exists ({}), got 5"),
]


@pytest.mark.parametrize(("given", "message"), WRONG)
def test_a_component_says_what_is_wrong_by_its_arguments(given, message):
    with pytest.raises(ArgsError) as told:
        BIKE.check({"owner_id": "a", **given})

    known = ", ".join(sorted(fields_of(BikeArgs)))
    assert str(told.value) == f"Bike.{message.replace('{}', known)}"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"gearCount": 31}, "bike.gearCount: must be a whole number from 1 to 30, got 31"),
        ({"lowGear": 9}, "bike.lowGear: must be at most bike.gearCount (8), got 9"),
        ({"front": {"sizeCm": 5}}, "bike.front.sizeCm: must be a number from 10 to 100, got 5"),
        ({"keyCode": 1234}, "bike.keyCode: must be 4 digits, in quotes, got [secret]"),
        (
            {"gear_count": 5},
            "bike.gear_count: must be a key that exists (nearest: gearCount), got ",
        ),
    ],
)
def test_the_configuration_says_the_same_by_its_keys(given, message):
    (problem,) = KEYS.read({"bike": given}).problems

    assert problem.line(secret=False).startswith(message)


def test_what_comes_later_is_not_looked_at():
    class Later:
        def apply(self):
            """Do as Pulumi's outputs do."""

    later = Later()

    assert BIKE.check({"owner_id": "a", "key_code": later})["key_code"] is later
    with pytest.raises(ArgsError):
        BIKE.check({"owner_id": "a", "gear_count": later})


def test_a_component_is_given_what_was_written_and_its_wiring():
    read = KEYS.read({"bike": {"gearCount": 7}})

    assert KEYS.args(BikeArgs, read, {"owner_id": "a", "front": None}) == {
        "owner_id": "a",
        "gear_count": 7,
    }
