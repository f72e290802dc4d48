# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carrying out a Go template over an object's metadata.

Source of the behaviour: Go's text/template (exec.go, funcs.go) with the escaping of html/template, whose context is
plain text here: KServe hands it a container as JSON, in which < and > are written as \\u003c and \\u003e.
"""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Mapping

from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.template_lexer import TemplateError
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.template_parser import (
    Control,
    Node,
    Pipe,
    Tree,
)
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.template_values import (
    CALLS,
    MISSING,
    Opaque,
    Unknowable,
    escaped,
    fields,
    meta,
    pairs,
    truth,
)

__all__ = ["Unknowable", "execute"]


class _Break(Exception):
    pass


class _Continue(Exception):
    pass


def execute(tree: Tree, metadata: Mapping[str, t.Any]) -> str:
    """Carry out a template over an object's metadata.

    :raises TemplateError: where Go reports an error.
    :raises Unknowable: where the template uses what is not followed here.
    """
    if tree.escapes:
        raise Unknowable("the functions html and urlquery")
    dot = meta(metadata)
    run = _Run(tree)
    run.variables = [("$", dot)]
    run.walk_all(tree.body, dot)
    return "".join(run.output)


MAX_DEPTH = 100


class _Run:
    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.output: list[str] = []
        self.variables: list[tuple[str, t.Any]] = []
        self.depth = 0

    def walk_all(self, nodes: Iterable[Node], dot: t.Any) -> None:
        scope = len(self.variables)
        for node in nodes:
            self.walk(node, dot)
        del self.variables[scope:]

    def walk(self, node: Node, dot: t.Any) -> None:
        if node.kind == "text":
            self.output.append(node.value)
        elif node.kind == "action":
            value = self.pipe(node.value, dot)
            if not node.value.variables:
                self.output.append(escaped(value))
        elif node.kind in ("if", "with"):
            self._branch(node, dot)
        elif node.kind == "range":
            self._range(node.value, dot)
        elif node.kind == "template":
            name, pipe = node.value
            self._template(name, pipe, dot)
        else:
            raise _Break() if node.kind == "break" else _Continue()

    def _branch(self, node: Node, dot: t.Any) -> None:
        control: Control = node.value
        scope = len(self.variables)
        value = self.pipe(control.pipe, dot)
        if truth(value):
            self.walk_all(control.body, value if node.kind == "with" else dot)
        else:
            self.walk_all(control.otherwise, dot)
        del self.variables[scope:]

    def _range(self, control: Control, dot: t.Any) -> None:
        scope = len(self.variables)
        value = self.pipe(control.pipe, dot)
        items = pairs(value)
        if isinstance(value, int) and len(control.pipe.variables) > 1:
            raise TemplateError(f"can't use {value} to iterate over more than one variable", parsed=True)
        for key, item in items:
            names = control.pipe.variables
            if names:
                self._set(names[-1], item, control.pipe.assigns)
            if len(names) > 1:
                self._set(names[0], key, control.pipe.assigns)
            try:
                self.walk_all(control.body, item)
            except _Continue:
                continue
            except _Break:
                break
        if not items:
            self.walk_all(control.otherwise, dot)
        del self.variables[scope:]

    def _template(self, name: str, pipe: Pipe | None, dot: t.Any) -> None:
        if name not in self.tree.defined:
            raise TemplateError(f"no such template {name!r}", parsed=True)
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Unknowable("templates that call themselves")
        value = MISSING if pipe is None else self.pipe(pipe, dot)
        outer, self.variables = self.variables, [("$", value)]
        self.walk_all(self.tree.defined[name], value)
        self.variables = outer
        self.depth -= 1

    def _set(self, name: str, value: t.Any, assigns: bool) -> None:
        if not assigns:
            self.variables.append((name, value))
            return
        self.variables[self._place(name)] = (name, value)

    def _place(self, name: str) -> int:
        for index in range(len(self.variables) - 1, -1, -1):
            if self.variables[index][0] == name:
                return index
        raise TemplateError(f"undefined variable: {name}", parsed=True)

    def pipe(self, pipe: Pipe, dot: t.Any) -> t.Any:
        value: t.Any = None
        for stage, command in enumerate(pipe.commands):
            value = self.command(command, dot, [value] if stage else [])
        for name in pipe.variables:
            self._set(name, value, pipe.assigns)
        return value

    def command(self, command: tuple[Node, ...], dot: t.Any, final: list[t.Any]) -> t.Any:
        first, arguments = command[0], command[1:]
        if first.kind == "function":
            return self._call(first.value, arguments, dot, final)
        if arguments or final:
            raise TemplateError(f"can't give argument to non-function {first.kind}", parsed=True)
        if first.kind == "nil":
            raise TemplateError("nil is not a command", parsed=True)
        return self.operand(first, dot)

    def operand(self, node: Node, dot: t.Any) -> t.Any:
        if node.kind == "dot":
            return dot
        if node.kind == "literal":
            return node.value
        if node.kind == "nil":
            return MISSING
        if node.kind == "pipe":
            return self.pipe(node.value, dot)
        if node.kind == "function":
            return self._call(node.value, (), dot, [])
        if node.kind == "field":
            return fields(dot, node.value)
        if node.kind == "variable":
            return fields(self.variables[self._place(node.value[0])][1], node.value[1:])
        return fields(self.operand(node.children[0], dot), node.value)

    def _call(self, name: str, arguments: tuple[Node, ...], dot: t.Any, final: list[t.Any]) -> t.Any:
        if name in ("and", "or"):
            return self._short_circuit(name, arguments, dot, final)
        values = [*(self.operand(node, dot) for node in arguments), *final]
        if any(isinstance(value, Opaque) for value in values):
            raise Unknowable("timestamps and owner references")
        if name not in CALLS:
            raise Unknowable(f"the function {name}")
        return CALLS[name](values)

    def _short_circuit(self, name: str, arguments: tuple[Node, ...], dot: t.Any, final: list[t.Any]) -> t.Any:
        if not arguments and not final:
            raise TemplateError(f"wrong number of args for {name}: want at least 1 got 0", parsed=True)
        value: t.Any = MISSING
        for node in arguments:
            value = self.operand(node, dot)
            if truth(value) is (name == "or"):
                return value
        return final[0] if final else value
