# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a Go template works with: the fields of ObjectMeta, missing keys, and the functions that are followed here.

Source of the behaviour: Go's text/template (exec.go, funcs.go) and fmt, html/template (html.go).
"""

from __future__ import annotations

import typing as t
from collections.abc import Callable, Iterable, Mapping

from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.template_lexer import TemplateError

# html/template, htmlReplacementTable.
ESCAPES = str.maketrans(
    {'"': "&#34;", "&": "&amp;", "'": "&#39;", "+": "&#43;", "<": "&lt;", ">": "&gt;", "\0": "\ufffd"}
)

# metav1.ObjectMeta: the Go field, the JSON key and what Go has where the key is absent.
OBJECT_META: dict[str, tuple[str, t.Any]] = {
    "Name": ("name", ""),
    "GenerateName": ("generateName", ""),
    "Namespace": ("namespace", ""),
    "SelfLink": ("selfLink", ""),
    "UID": ("uid", ""),
    "ResourceVersion": ("resourceVersion", ""),
    "Generation": ("generation", 0),
    "CreationTimestamp": ("creationTimestamp", None),
    "DeletionTimestamp": ("deletionTimestamp", None),
    "DeletionGracePeriodSeconds": ("deletionGracePeriodSeconds", None),
    "Labels": ("labels", {}),
    "Annotations": ("annotations", {}),
    "OwnerReferences": ("ownerReferences", []),
    "Finalizers": ("finalizers", []),
    "ManagedFields": ("managedFields", []),
}
# Fields whose Go values have methods and forms of their own, which are not followed here.
OPAQUE = frozenset({"CreationTimestamp", "DeletionTimestamp", "OwnerReferences", "ManagedFields"})


class Unknowable(Exception):
    """The template uses a part of Go's templates that is not followed here; nothing can be said about it."""


class Missing:
    """Go's invalid value: a key that a map does not have."""


class Opaque:
    """A value of which only its existence is known."""


MISSING = Missing()


class Meta(dict[str, t.Any]):
    """ObjectMeta as Go's template sees it: exactly its fields."""


def meta(metadata: Mapping[str, t.Any]) -> Meta:
    """Return an object's metadata as ObjectMeta."""
    values = Meta()
    for name, (key, absent) in OBJECT_META.items():
        value = metadata.get(key)
        values[name] = Opaque() if name in OPAQUE else absent if value is None else value
    return values


def fields(value: t.Any, names: Iterable[str]) -> t.Any:
    for name in names:
        value = _field(value, name)
    return value


def _field(value: t.Any, name: str) -> t.Any:
    if isinstance(value, Missing):
        return MISSING
    if isinstance(value, Opaque):
        raise Unknowable("timestamps and owner references")
    if isinstance(value, Meta):
        if name not in value:
            raise TemplateError(f"can't evaluate field {name} in type v1.ObjectMeta", parsed=True)
        return value[name]
    if isinstance(value, dict):
        return value.get(name, MISSING)
    raise TemplateError(f"can't evaluate field {name} in type {go_type(value)}", parsed=True)


def go_type(value: t.Any) -> str:
    """Name a value's type as Go's messages do."""
    if isinstance(value, Meta):
        return "v1.ObjectMeta"
    if isinstance(value, dict):
        return "map[string]string"
    return {bool: "bool", str: "string", int: "int", float: "float64", list: "[]string"}.get(type(value), "nil")


def truth(value: t.Any) -> bool:
    """Say whether a value counts as true (text/template, IsTrue)."""
    if isinstance(value, Opaque):
        raise Unknowable("timestamps and owner references")
    return isinstance(value, Meta) or (not isinstance(value, Missing) and bool(value))


def pairs(value: t.Any) -> list[tuple[t.Any, t.Any]]:
    if isinstance(value, Missing) or value is None:
        return []
    if isinstance(value, dict) and not isinstance(value, Meta):
        return sorted(value.items())
    if isinstance(value, list):
        return list(enumerate(value))
    if isinstance(value, int) and not isinstance(value, bool):
        # A range over a number came with Go 1.22; KServe 0.15 is built with 1.23.
        return [(number, number) for number in range(value)]
    if isinstance(value, (Opaque, str)):
        raise Unknowable("range over this")
    raise TemplateError(f"range can't iterate over {go_type(value)}", parsed=True)


def escaped(value: t.Any) -> str:
    """Return what an action writes: HTML-escaped, nothing for a missing key."""
    return "" if isinstance(value, Missing) else go_text(value).translate(ESCAPES)


def go_text(value: t.Any) -> str:
    """Format a value as Go's fmt.Sprint does.

    :raises Unknowable: for a value whose form is not followed here.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if value is None or isinstance(value, Missing):
        return "<nil>"
    if isinstance(value, list):
        return f"[{' '.join(go_text(item) for item in value)}]"
    if isinstance(value, dict) and not isinstance(value, Meta):
        return f"map[{' '.join(f'{key}:{go_text(item)}' for key, item in sorted(value.items()))}]"
    raise Unknowable("how Go writes this value")


def _failure(message: str) -> TemplateError:
    return TemplateError(message, parsed=True)


def _index(values: list[t.Any]) -> t.Any:
    if not values or isinstance(values[0], Missing):
        raise _failure("error calling index: index of untyped nil" if values else "wrong number of args for index")
    item = values[0]
    for key in values[1:]:
        item = _index_one(item, key)
    return item


def _index_one(item: t.Any, key: t.Any) -> t.Any:
    if isinstance(item, dict) and not isinstance(item, Meta):
        if not isinstance(key, str):
            raise _failure(f"error calling index: value has type {go_type(key)}; should be string")
        return item.get(key, "")
    if isinstance(item, (list, str)):
        if isinstance(key, bool) or not isinstance(key, int):
            raise _failure(f"error calling index: cannot index slice/array with type {go_type(key)}")
        size = len(item.encode()) if isinstance(item, str) else len(item)
        if not 0 <= key < size:
            raise _failure(f"error calling index: index out of range: {key}")
        return item.encode()[key] if isinstance(item, str) else item[key]
    raise _failure(f"error calling index: can't index item of type {go_type(item)}")


def _length(values: list[t.Any]) -> int:
    if len(values) != 1:
        raise _failure(f"wrong number of args for len: want 1 got {len(values)}")
    if isinstance(values[0], str):
        return len(values[0].encode())
    if isinstance(values[0], (list, dict)) and not isinstance(values[0], Meta):
        return len(values[0])
    raise _failure(f"error calling len: len of type {go_type(values[0])}")


def _negate(values: list[t.Any]) -> bool:
    if len(values) != 1:
        raise _failure(f"wrong number of args for not: want 1 got {len(values)}")
    return not truth(values[0])


def _kind(value: t.Any) -> type | None:
    return type(value) if isinstance(value, (bool, int, float, str)) else None


def _equal(values: list[t.Any]) -> bool:
    if len(values) < 2:
        raise _failure("error calling eq: missing argument for comparison")
    first, others = values[0], values[1:]
    for other in others:
        if isinstance(first, (list, dict)) or isinstance(other, (list, dict)):
            raise Unknowable("comparison of these types")
        if isinstance(first, Missing) or isinstance(other, Missing):
            if isinstance(first, Missing) and isinstance(other, Missing):
                return True
            continue
        if _kind(first) is None or _kind(other) is None:
            raise Unknowable("comparison of these types")
        if _kind(first) is not _kind(other):
            raise _failure("error calling eq: incompatible types for comparison")
        if first == other:
            return True
    return False


def _differ(values: list[t.Any]) -> bool:
    if len(values) != 2:
        raise _failure(f"wrong number of args for ne: want 2 got {len(values)}")
    return not _equal(values)


def _compare(name: str, test: Callable[[t.Any, t.Any], bool]) -> Callable[[list[t.Any]], bool]:
    def compare(values: list[t.Any]) -> bool:
        if len(values) != 2:
            raise _failure(f"wrong number of args for {name}: want 2 got {len(values)}")
        one, other = values
        if _kind(one) in (None, bool) or _kind(other) in (None, bool):
            raise _failure(f"error calling {name}: invalid type for comparison")
        if _kind(one) is not _kind(other):
            raise _failure(f"error calling {name}: incompatible types for comparison")
        return test(one, other)

    return compare


def _print(values: list[t.Any]) -> str:
    """Like fmt.Sprint: a space between operands of which neither is a string."""
    text = ""
    for place, value in enumerate(values):
        if place and not isinstance(value, str) and not isinstance(values[place - 1], str):
            text += " "
        text += go_text(value)
    return text


def _print_line(values: list[t.Any]) -> str:
    return " ".join(go_text(value) for value in values) + "\n"


def _format(values: list[t.Any]) -> str:
    """Like fmt.Sprintf, for %s and %v of strings, %d of integers and %%."""
    if not values:
        raise _failure("wrong number of args for printf: want at least 1 got 0")
    if not isinstance(values[0], str):
        raise _failure(f"wrong type for value; expected string; got {go_type(values[0])}")
    pieces = values[0].replace("%%", "\0").split("%")
    rest = values[1:]
    if len(pieces) - 1 != len(rest):
        raise Unknowable("printf with too few or too many operands")
    text = pieces[0]
    for piece, value in zip(pieces[1:], rest, strict=True):
        wanted = {"s": str, "v": (str, int), "d": int}.get(piece[:1], ())
        if not isinstance(value, wanted) or isinstance(value, bool):  # type: ignore[arg-type]
            raise Unknowable("this form of printf")
        text += go_text(value) + piece[1:]
    return text.replace("\0", "%")


CALLS: dict[str, Callable[[list[t.Any]], t.Any]] = {
    "eq": _equal,
    "ge": _compare("ge", lambda one, other: one >= other),
    "gt": _compare("gt", lambda one, other: one > other),
    "index": _index,
    "le": _compare("le", lambda one, other: one <= other),
    "len": _length,
    "lt": _compare("lt", lambda one, other: one < other),
    "ne": _differ,
    "not": _negate,
    "print": _print,
    "printf": _format,
    "println": _print_line,
}
