"""Names of the things in AWS: `{project}-{stack}-{component name}[-{role}]`.

They are explicit, so that they are known in a preview and that whoever reads an alarm at night sees
which stack it belongs to.
"""

import hashlib

import pulumi

from surgeproof.settings.aws_limits import breach
from surgeproof.settings.errors import ArgsError


def physical_name(*parts: str, limit: int = 255, of: tuple[str, str] | None = None) -> str:
    """Name for one thing in AWS, of at most `limit` characters.

    `parts` are the component's name and, for all but its main child, the role. `of` is the type
    token and property that the name is for, where AWS has a rule for it in its text only. A name
    that breaks a rule is refused, not cut: two cut names can be the same.
    """
    name = "-".join((pulumi.get_project(), pulumi.get_stack(), *parts))
    if len(name) > limit:
        raise ArgsError(
            f"name {name!r}: must be at most {limit} characters, got {len(name)}; "
            "shorten the name of the project, the stack or the component"
        )
    rule = breach(*of, name) if of else None
    if rule:
        raise ArgsError(
            f"name {name!r}: must {rule}; it is made of the names of the project, the stack and "
            "the component"
        )
    return name


def short_digest(*values: object, length: int = 6) -> str:
    """Lower-case hexadecimal digest of `values`, the same in every run.

    For the name of a resource that is replaced when one of `values` changes: with another name the
    new one can be created before the old one is deleted.
    """
    text = "\x00".join(str(value) for value in values)
    return hashlib.sha256(text.encode()).hexdigest()[:length]
