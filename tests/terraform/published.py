"""Writes what the provider's published schema says of the types that are read: names and forms.

The schema comes from the bindings that CDK Terrain publishes on PyPI, which are generated from
Terraform's own `providers schema -json`:

    python -m pip download --no-deps cdktn-provider-aws==25.8.1
    python -m tests.terraform.published cdktn_provider_aws-25.8.1-py3-none-any.whl
"""

import io
import json
import re
import sys
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from surgeproof import files
from surgeproof.plan import _terraform_names as names
from surgeproof.plan import shapes

FILE: Final = Path(__file__).with_name("published.json")

_ATTRIBUTE: Final = re.compile(
    r"^ +(\w+): \{\n\s+value: (.*?),\n\s+isBlock: (\w+),\n\s+type: \"(\w+)\",\n"
    r"\s+storageClassType: \"(\w+)\",?\n",
    re.MULTILINE | re.DOTALL,
)
_GETTER: Final = re.compile(r"get(String|Number|Boolean|List|StringMap)Attribute\('(\w+)'\)")
_INSIDE: Final = re.compile(r"(\w+)ToHclTerraform(?:, \w+\))?\(this|\b(\w+)ToHclTerraform\b")
_FUNCTION: Final = re.compile(
    r"^function (\w+)ToHclTerraform\(struct\) \{(.*?)^\}", re.MULTILINE | re.DOTALL
)
_SCALARS: Final = {"string": "text", "number": "number", "boolean": "flag"}


def _form(value: str, type_: str, storage: str) -> Any:
    """Return a text for a scalar, or `many`, `one` or `map` of something."""
    if type_ == "simple":
        return _SCALARS.get(storage, "any")
    if type_ == "map":
        return "map"
    if storage.removesuffix("List") in _SCALARS:
        return ["many", _SCALARS[storage.removesuffix("List")]]
    inside = [name for found in _INSIDE.findall(value) for name in found if name]
    inside = [name for name in inside if name not in {"string", "number", "boolean", "any"}]
    if not inside:
        return "map" if "hashMapper" in value else "any"
    return ["many" if "listMapper" in value else "one", inside[-1]]


def _attributes(text: str) -> dict[str, Any]:
    return {
        name: _form(value, type_, storage)
        for name, value, _, type_, storage in _ATTRIBUTE.findall(text)
        if name != "timeouts"
    }


def _module(text: str, kind: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the attributes of a resource, and those of its blocks by their names."""
    blocks = {name: _attributes(inner) for name, inner in _FUNCTION.findall(text)}
    own = text[text.index(f'static tfResourceType = "{kind}"') :]
    written = _attributes(own[own.index("synthesizeHclAttributes") :])
    computed: dict[str, Any] = {
        name: ["many", "text"] if form == "List" else "map" if form == "StringMap" else "any"
        for form, name in _GETTER.findall(own)
    }
    return computed | written, blocks


def _merged(blocks: Mapping[str, Any], used: dict[str, Any]) -> Mapping[str, str]:
    """Return a name for each block that equal ones share: the web ACL has thousands."""
    name_of = {name: name for name in blocks}
    while True:
        first: dict[str, str] = {}
        merged = {}
        for name, block in sorted(blocks.items()):
            shown = json.dumps(
                {
                    key: [at[0], name_of.get(at[1], at[1])] if isinstance(at, list) else at
                    for key, at in block.items()
                },
                sort_keys=True,
            )
            merged[name] = first.setdefault(shown, name)
        if merged == name_of:
            break
        name_of = merged
    for name in sorted(set(name_of.values())):
        used[name] = _renamed(blocks[name], name_of)
    return name_of


def _renamed(block: Mapping[str, Any], name_of: Mapping[str, str]) -> dict[str, Any]:
    return {
        key: [at[0], name_of.get(at[1], at[1])] if isinstance(at, list) else at
        for key, at in sorted(block.items())
    }


def _modules(archive: tarfile.TarFile) -> Iterator[str]:
    """Yield the source of each resource's module, with that of its blocks before it."""
    sources: dict[str, list[str]] = {}
    for member in archive:
        place = re.fullmatch(
            r"package/lib/(?!data-)([^/]+)/(?:index-structs/)?\w+\.js", member.name
        )
        content = archive.extractfile(member) if place else None
        if place and content is not None:
            sources.setdefault(place[1], []).append(content.read().decode())
    for texts in sources.values():
        yield "\n".join(sorted(texts, key=lambda text: "static tfResourceType" in text))


def published(wheel: Path) -> str:
    """Return the file's text."""
    with zipfile.ZipFile(wheel) as outer:
        inner = next(name for name in outer.namelist() if name.endswith(".jsii.tgz"))
        metadata = next(name for name in outer.namelist() if name.endswith("/METADATA"))
        version = re.search(r"provider version ([\d.]+)", outer.read(metadata).decode())
        assert version is not None
        types: dict[str, Any] = {}
        blocks: dict[str, Any] = {}
        with tarfile.open(fileobj=io.BytesIO(outer.read(inner))) as archive:
            for text in _modules(archive):
                kind = re.search(r'static tfResourceType = "(\w+)"', text)
                if kind is None or names.token_of(kind[1]) is None:
                    continue
                own, inside = _module(text, kind[1])
                types[kind[1]] = _renamed(own, _merged(inside, blocks))
    parts = []
    for part, content_ in (("types", types), ("blocks", blocks)):
        lines = [f"{json.dumps(key)}: {json.dumps(at)}" for key, at in sorted(content_.items())]
        parts.append(f"{json.dumps(part)}: {{\n" + ",\n".join(lines) + "\n}")
    return (
        f'{{\n"provider": "{version[1]}",\n"from": "{wheel.name}",\n' + ",\n".join(parts) + "\n}\n"
    )


def other_names() -> str:
    """Return the names that are more than those of pulumi-aws with underscores."""
    schema = json.loads(FILE.read_text("utf-8"))
    found: dict[str, dict[str, set[str]]] = {}

    def walk(token: str, block: Mapping[str, Any], shape: Mapping[str, Any], met: set[Any]) -> None:
        for name, form in block.items():
            key = names.property_of(token, shape, name)
            found.setdefault(token, {}).setdefault(key, set()).add(name)
            inside = shape.get(key)
            inside = inside[0] if isinstance(inside, list) else inside
            fields = shapes.block_shapes(inside)
            if not isinstance(form, list) or form[1] not in schema["blocks"] or fields is None:
                continue
            if (form[1], str(inside)) not in met:
                met.add((form[1], str(inside)))
                walk(token, schema["blocks"][form[1]], fields, met)

    for kind, block in schema["types"].items():
        token = names.token_of(kind)
        if token is not None and (shape := shapes.resource_shapes(token)) is not None:
            walk(token, block, shape, set())
    table = {
        token: {
            key: next(iter(of))
            for key, of in sorted(keys.items())
            if len(of) == 1 and names.snake(key) not in of
        }
        for token, keys in sorted(found.items())
    }
    lines = [f"{json.dumps(key)}: {json.dumps(of)}" for key, of in table.items() if of]
    return "{\n" + ",\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    files.write_text(FILE, published(Path(sys.argv[1])))
    files.write_text(names.FILE, other_names())
