"""The form of the resources in a state or a plan, as far as every reader of them depends on it.

What is inside the properties is another question: `surgeproof.plan.shapes` answers it.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from surgeproof.escaping import visible
from surgeproof.settings import limits
from surgeproof.settings.errors import DocumentError, Path, problem, shortened
from surgeproof.settings.stack_files import kind

_URN: Final = re.compile(r"urn:pulumi:[^:]+::[^:]+::[^\s]+?::.+", re.DOTALL)
"""urn:pulumi:<stack>::<project>::<types>::<name>"""

SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
"""Key that tells a value of a special kind from a map (sdk/go/common/resource/sig/sig.go)."""

SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - the published mark, no password
"""Its value for a secret."""

UNKNOWN_TEXT: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""What stands for a value that a preview does not know (`pulumi.runtime.rpc.UNKNOWN`)."""

DEFAULTS: Final = "__defaults"
"""Key under which Pulumi's bridge notes, in each map of inputs, which defaults it has filled in; no
property."""

_PROPERTIES: Final = ("inputs", "outputs")
_FLAGS: Final = ("delete", "custom", "external", "protect")
_LISTS: Final = ("ignoreChanges",)


def type_of(urn: str) -> str:
    """Return the resource type in a URN, without the types of its parents."""
    return urn.split("::", 3)[2].rpartition("$")[2]


class Form:
    """Checks the form of a document and gathers what is wrong with it."""

    def __init__(self, place: str) -> None:
        """Take what the document is called."""
        self.place = visible(place)
        self._problems: list[str] = []
        self._more = 0

    def check(self) -> None:
        """Raise DocumentError where anything was wrong."""
        if self._more:
            self._problems.append(f"{self.place}: and {self._more:,} more problems")
        if self._problems:
            raise DocumentError(self._problems)

    def wrong(self, path: Path, rule: str, got: str) -> None:
        """Note a problem."""
        if len(self._problems) < limits.PROBLEMS_MAX:
            self._problems.append(problem(self.place, rule, got, path=path))
        else:
            self._more += 1

    def mapping(self, value: Any, path: Path) -> dict[str, Any]:
        """Return a mapping, empty where there is none."""
        if value is None or isinstance(value, dict):
            return value or {}
        self.wrong(path, "be a mapping of keys", kind(value))
        return {}

    def properties(self, value: Any, path: Path) -> dict[str, Any]:
        """Return a resource's properties; a secret or an asset as a whole is none."""
        found = self.mapping(value, path)
        if SIGNATURE in found:
            self.wrong(path, "be a mapping of properties", "one value with Pulumi's mark")
            return {}
        return found

    def items(self, value: Any, path: Path) -> list[Any]:
        """Return a list, empty where there is none."""
        if value is None or isinstance(value, list):
            return value or []
        self.wrong(path, "be a list", kind(value))
        return []

    def text(self, value: Any, path: Path) -> str:
        """Return a text, empty where there is none."""
        if value is None or isinstance(value, str):
            return value or ""
        self.wrong(path, "be a text", kind(value))
        return ""

    def texts(self, value: Any, path: Path) -> list[str]:
        """Return a list of texts."""
        found = self.items(value, path)
        for index, item in enumerate(found):
            if not isinstance(item, str):
                self.wrong((*path, index), "be a text", kind(item))
        return [item for item in found if isinstance(item, str)]

    def references(self, value: Any, path: Path) -> dict[str, list[str]]:
        """Return which URNs each property depends on."""
        return {
            key: self.texts(urns, (*path, key)) for key, urns in self.mapping(value, path).items()
        }

    def urn(self, value: Any, path: Path) -> bool:
        """Whether a value is a URN."""
        if isinstance(value, str) and _URN.fullmatch(value):
            return True
        rule = "be a URN (urn:pulumi:<stack>::<project>::<type>::<name>)"
        self.wrong(path, rule, shortened(repr(value)) if isinstance(value, str) else kind(value))
        return False

    def resources(self, value: Any, path: Path) -> list[dict[str, Any]]:
        """Return the resources of a state: all that any reader takes from them is as it must be.

        Of two with one URN, at most one may be there to stay.
        """
        found = []
        first: dict[str, int] = {}
        for index, each in enumerate(self.items(value, path)):
            at = (*path, index)
            if not isinstance(each, dict):
                self.wrong(at, "be a mapping of keys", kind(each))
            elif self.resource(each, at):
                found.append(each | {"type": type_of(each["urn"])})
                urn = each["urn"]
                if not each.get("delete") and first.setdefault(urn, index) != index:
                    got = f"that of [{first[urn]}]"
                    self.wrong((*at, "urn"), "be the URN of no other resource", got)
        return found

    def resource(self, each: Mapping[str, Any], path: Path) -> bool:
        """Whether a resource has the form of one."""
        if not self.urn(each.get("urn"), (*path, "urn")):
            return False
        for key in _PROPERTIES:
            self.properties(each.get(key), (*path, key))
        if not isinstance(each.get("id"), str | None):
            self.wrong((*path, "id"), "be a text", kind(each["id"]))
        if each.get("type") not in (None, type_of(each["urn"])):
            got = each["type"]
            said = shortened(repr(got)) if isinstance(got, str) else kind(got)
            self.wrong((*path, "type"), "be the type in the URN", said)
        for key in _FLAGS:
            if not isinstance(each.get(key), bool | None):
                self.wrong((*path, key), "be true or false", kind(each[key]))
        for key in _LISTS:
            self.texts(each.get(key), (*path, key))
        self.references(each.get("propertyDependencies"), (*path, "propertyDependencies"))
        return True


def checked_deployment(deployment: Any, place: str, path: Path = ()) -> dict[str, Any]:
    """Return a deployment with sound resources and operations that have not ended.

    Raises DocumentError.
    """
    form = Form(place)
    found = form.mapping(deployment, path)
    resources = form.resources(found.get("resources"), (*path, "resources"))
    pending = form.items(found.get("pending_operations"), (*path, "pending_operations"))
    form.check()
    return {**found, "resources": resources, "pending_operations": pending}
