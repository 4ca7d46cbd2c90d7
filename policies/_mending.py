"""Setting the properties that a rule can put right by itself."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any, Final

from surgeproof.policies._rules import Mend
from surgeproof.policies._values import SENTINELS

_EACH: Final = "[*]"


def mended(properties: Mapping[str, Any], mends: Sequence[Mend]) -> dict[str, Any] | None:
    """Return the properties with what is mended, None where nothing changes.

    Pulumi's marks stay as they are: what a preview does not know yet, secrets, and what lies below.
    """
    result = deepcopy(dict(properties))
    for mend in mends:
        _put(result, mend.path.split("."), mend.value, is_entry=False)
    return None if result == properties else result


def _put(at: dict[str, Any], keys: list[str], value: Any, *, is_entry: bool) -> None:
    key, *below = keys
    if key.endswith(_EACH):
        entries = at.get(key.removesuffix(_EACH))
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, dict):
                _put(entry, below, value, is_entry=True)
        return
    held = at.get(key)
    if held in SENTINELS if isinstance(held, str) else False:
        return
    if not below:
        at[key] = value
        return
    if held is None and not is_entry:
        held = at[key] = {}
    if isinstance(held, dict):
        _put(held, below, value, is_entry=is_entry)
