"""What a row says: how Pulumi's properties of one resource type become calls to AWS.

What is regular is derived from botocore's models (`requests.Builder`); a row holds the exceptions.
A *source* says where a member that comes from no property is taken from: a property, an output or
`id` by name, a constant, or a function of the resource's state.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from surgeproof.emulator.requests import Place

State = Mapping[str, Any]
"""A resource's inputs and outputs, and its id under `id`."""


class Const(NamedTuple):
    """A member's fixed value."""

    value: Any


Source = str | Const | Callable[[State], Any]


@dataclass(frozen=True)
class Call:
    """A call whose request comes from the state."""

    operation: str
    request: Mapping[str, Source] = field(default_factory=dict)
    """Member path to source."""
    result: str = ""
    """Where in the response the thing is: `Vpcs[0]`, `Routes[DestinationCidrBlock=prop]`."""
    names: Mapping[str, Place] = field(default_factory=dict)
    """Places of properties in the result, where they differ from the request's."""
    service: str = ""
    """The service, where it is not the row's."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """A call that sets properties, on creation and when they change."""

    operation: str = field(kw_only=False)
    takes: tuple[str, ...] = ()
    """The top-level properties that it sets. The creating step takes all that no other does."""
    request: Mapping[str, Source] = field(default_factory=dict)
    names: Mapping[str, Place] = field(default_factory=dict)
    """Places of properties that their names do not give; `-` is none, for the provider only."""
    sub: str = ""
    """A member below which properties are looked for, too."""
    update: str = ""
    """The operation for a change, where another; `-`: cannot change."""
    update_request: Mapping[str, Source] | None = None
    update_names: Mapping[str, Place] = field(default_factory=dict)
    """Places in the changing operation, where they differ from `names`."""
    attributes: Mapping[str, tuple[Place, str]] = field(default_factory=dict)
    """Property path to attribute key and AWS's default, where AWS has a list of keys and values."""
    attribute_style: str = "list"
    """`list` of Key and Value, `map` member `Attributes`, `name` (one call each) or `value` (one
    call each, the member itself holding `Value`)."""
    undo: Call | None = None
    """What takes the setting back when the program no longer gives it."""
    swap: bool = False
    """Whether a former setting must be taken back before another is made."""
    read: Call | None = None
    """What tells the setting, where the row's reading does not."""
    run: Callable[["Context"], None] | None = None
    """In place of the call, where no table can say it."""
    only: Callable[[State], bool] | None = None
    """Whether the step is due, beyond that its properties are set."""
    due: Callable[["Context"], bool] | None = None
    """For a step that is done in an update only: whether this one is due."""


@dataclass(frozen=True, kw_only=True)
class Name:
    """How a resource gets a name when the program gives none: its logical name and 7 hex digits."""

    property: str = "name"
    limit: int = 255
    prefix: str = ""
    lower: bool = False
    always: bool = True
    """Whether to name it; else the property only counts as the name for replacement."""


@dataclass(frozen=True, kw_only=True)
class Tagging:
    """How tags are changed and read."""

    tag: str
    untag: str
    member: str
    source: Source = "id"
    many: bool = False
    """Whether the member is a list of identifiers."""
    also: Mapping[str, Any] = field(default_factory=dict)
    """Further members of both requests."""
    keys: str = "TagKeys"
    tags: str = "Tags"
    read: Call | None = None
    """None: the row's reading tells them."""
    read_member: str = "Tags"


@dataclass(frozen=True, kw_only=True)
class Row:
    """A resource type."""

    token: str = field(kw_only=False)
    service: str
    create: Step
    id: Source
    """The identifier: a path into the response (`>Vpc.VpcId`), or a source."""
    noun: str = ""
    name: Name | None = None
    replaces: tuple[str, ...] = ()
    """Properties whose change needs a new resource; a prefix of a path covers what is below it."""
    local: tuple[str, ...] = ()
    """Properties that no call has a place for: they steer the provider."""
    values: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)
    """How a property's value is written, where its form differs from AWS's."""
    variants: tuple[tuple[Callable[[State], bool], Step], ...] = ()
    """Other ways to create one, each with the condition on its inputs under which it is taken."""
    steps: tuple[Step, ...] = ()
    updates: tuple[Step, ...] = ()
    """Changes of properties that the creating call sets, where one operation cannot change all."""
    resets: Mapping[str, Any] = field(default_factory=dict)
    """What a property is set to when the program no longer gives it (Terraform's default)."""
    overwrites: bool = False
    """Whether the creating operation, sent again, replaces the whole."""
    tagging: Tagging | None = None
    tags_on_create: bool = True
    kind: str = ""
    """EC2's word for the type in tag specifications, where it is not the type's name."""
    read: Call | None = None
    reads: tuple[tuple[tuple[str, ...], Call], ...] = ()
    """Further readings of properties that the creating call sets."""
    gone: tuple[str, ...] = ()
    """Error codes that say that there is no such thing."""
    is_gone: Callable[[Any, State], bool] | None = None
    """Whether what reading found is not the resource, or is on its way out."""
    outputs: Mapping[str, str | Callable[["Context", Any], Any]] = field(default_factory=dict)
    """Output to its path in what reading found, or a function of it."""
    changes: tuple[str, ...] = ()
    """Outputs that an update changes, other than of tags."""
    delete: tuple[Call, ...] = ()
    deleting: Callable[["Context"], None] | None = None
    """What to do before the deleting calls."""
    created: Callable[["Context"], None] | None = None
    """What to do after the creating call."""
    updated: Callable[["Context"], None] | None = None
    """What to do after an update's calls."""


@dataclass
class Context:
    """What a row's function works with."""

    call: Callable[..., Any]
    """`call(operation, params, service="")`, checked and sent."""
    inputs: Mapping[str, Any]
    state: dict[str, Any]
    """Inputs, outputs, id and region."""
    region: str
    partition: str
    old: Mapping[str, Any] = field(default_factory=dict)
    """The former inputs and outputs, in an update."""
    error: Callable[[str], Exception] = RuntimeError
    """Makes the error to raise."""
    changed: frozenset[str] = frozenset()
    """The top-level properties that an update changes."""
