# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tree of a Go template.

Source of the behaviour: Go's text/template/parse, parse.go.
"""

from __future__ import annotations

import ast
import re
import typing as t
from dataclasses import dataclass, field

from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.template_lexer import (
    TemplateError,
    Token,
    tokens,
)

# text/template/funcs.go, builtins
FUNCTIONS = frozenset(
    {
        *("and", "call", "eq", "ge", "gt", "html", "index", "js", "le", "len", "lt", "ne", "not", "or", "print"),
        *("printf", "println", "slice", "urlquery"),
    }
)


@dataclass(frozen=True)
class Node:
    """A node: kind with its value and children.

    text str | action/if/with/range/template Pipe with lists | field/variable/chain names | literal a value |
    function its name | dot | nil | pipe
    """

    kind: str
    value: t.Any = None
    children: tuple[Node, ...] = ()


@dataclass(frozen=True)
class Pipe:
    """A pipeline: declared variables and commands, each a list of operands."""

    variables: tuple[str, ...]
    commands: tuple[tuple[Node, ...], ...]
    assigns: bool = False


@dataclass(frozen=True)
class Control:
    """if, with or range: the pipeline, what is done and what is done else."""

    pipe: Pipe
    body: tuple[Node, ...]
    otherwise: tuple[Node, ...]


@dataclass
class Tree:
    """A parsed template, the ones that it defines, and whether it calls an escaper by name.

    html/template rewrites calls of html and urlquery, and refuses some of them even where they are never reached.
    """

    body: tuple[Node, ...]
    defined: dict[str, tuple[Node, ...]] = field(default_factory=dict)
    escapes: bool = False


def parse(source: str) -> Tree:
    """Parse a template.

    :raises TemplateError: where Go's parser reports an error.
    """
    return _Parser(source).run()


_LITERALS = ("bool", "character", "number", "string", "raw")
_OPERANDS = (*_LITERALS, "dot", "field", "identifier", "nil", "variable", "(")
_NOT_EXECUTABLE = ("literal", "dot", "nil")


class _Parser:
    def __init__(self, source: str) -> None:
        self.tokens = tokens(source)
        self.place = 0
        self.variables = ["$"]
        self.defined: dict[str, tuple[Node, ...]] = {}
        self.loops = 0
        self.escapes = False

    def run(self) -> Tree:
        body: list[Node] = []
        while self._peek().kind != "eof":
            if self._peek().kind == "left" and self._after_left() == "define":
                self._define()
                continue
            node = self._text_or_action()
            if node.kind in ("end", "else"):
                raise TemplateError(f"unexpected {{{{{node.kind}}}}}")
            body.append(node)
        return Tree(tuple(body), self.defined, self.escapes)

    def _peek(self) -> Token:
        token = self.tokens[self.place]
        if token.kind == "error":
            raise TemplateError(token.value)
        return token

    def _next(self) -> Token:
        token = self._peek()
        self.place = min(self.place + 1, len(self.tokens) - 1)
        return token

    def _peek_word(self) -> Token:
        while self._peek().kind == "space":
            self.place += 1
        return self._peek()

    def _next_word(self) -> Token:
        self._peek_word()
        return self._next()

    def _after_left(self) -> str:
        following = [token.kind for token in self.tokens[self.place + 1 : self.place + 3] if token.kind != "space"]
        return following[0] if following else ""

    def _expect(self, kinds: tuple[str, ...], context: str) -> Token:
        token = self._next_word()
        if token.kind not in kinds:
            raise _unexpected(token, context)
        return token

    def _text_or_action(self) -> Node:
        token = self._next()
        if token.kind == "text":
            return Node("text", token.value)
        if token.kind == "left":
            return self._action()
        raise _unexpected(token, "input")

    def _action(self) -> Node:
        word = self._next_word()
        if word.kind in ("if", "with", "range"):
            return self._control(word.kind)
        if word.kind in ("break", "continue"):
            self._expect(("right",), word.kind)
            if not self.loops:
                raise TemplateError(f"{{{{{word.kind}}}}} outside {{{{range}}}}")
            return Node(word.kind)
        if word.kind in ("end", "else"):
            return self._end_or_else(word.kind)
        if word.kind == "template":
            return self._template()
        if word.kind == "block":
            return self._block()
        self.place -= 1
        return Node("action", self._pipeline("command", "right"))

    def _end_or_else(self, kind: str) -> Node:
        if kind == "else" and self._peek_word().kind in ("if", "with"):
            return Node("else")
        self._expect(("right",), kind)
        return Node(kind)

    def _control(self, kind: str) -> Node:
        scope = len(self.variables)
        pipe = self._pipeline(kind, "right")
        self.loops += kind == "range"
        body, end = self._list()
        self.loops -= kind == "range"
        otherwise: tuple[Node, ...] = ()
        if end.kind == "else":
            chained = self._peek_word().kind
            if chained in ("if", "with"):
                if chained != kind:
                    raise TemplateError(f"unexpected {chained} in {{{{else}}}}")
                self._next()
                otherwise = (self._control(kind),)
            else:
                otherwise, end = self._list()
                if end.kind != "end":
                    raise TemplateError("expected end; found {{else}}")
        del self.variables[scope:]
        return Node(kind, Control(pipe, body, otherwise))

    def _list(self) -> tuple[tuple[Node, ...], Node]:
        nodes: list[Node] = []
        while self._peek().kind != "eof":
            node = self._text_or_action()
            if node.kind in ("end", "else"):
                return tuple(nodes), node
            nodes.append(node)
        raise TemplateError("unexpected EOF")

    def _define(self) -> None:
        self._next()
        self._next_word()
        name = _unquote(self._expect(("string", "raw"), "define clause"))
        self._expect(("right",), "define clause")
        outer, self.variables = self.variables, ["$"]
        loops, self.loops = self.loops, 0
        body, end = self._list()
        if end.kind != "end":
            raise TemplateError("unexpected {{else}} in define clause")
        self.variables, self.loops = outer, loops
        self.defined[name] = body

    def _template(self) -> Node:
        name = _unquote(self._expect(("string", "raw"), "template clause"))
        pipe = None
        if self._peek_word().kind != "right":
            pipe = self._pipeline("template clause", "right")
        else:
            self._next()
        return Node("template", (name, pipe))

    def _block(self) -> Node:
        name = _unquote(self._expect(("string", "raw"), "block clause"))
        pipe = self._pipeline("block clause", "right")
        outer, self.variables = self.variables, ["$"]
        loops, self.loops = self.loops, 0
        body, end = self._list()
        if end.kind != "end":
            raise TemplateError("unexpected {{else}} in block clause")
        self.variables, self.loops = outer, loops
        self.defined[name] = body
        return Node("template", (name, pipe))

    def _pipeline(self, context: str, end: str) -> Pipe:
        declared, assigns = self._declaration(context)
        commands: list[tuple[Node, ...]] = []
        while True:
            token = self._next_word()
            if token.kind == end:
                _check_pipeline(commands, context)
                return Pipe(tuple(declared), tuple(commands), assigns)
            if token.kind not in _OPERANDS:
                raise _unexpected(token, context)
            self.place -= 1
            commands.append(self._command())

    def _declaration(self, context: str) -> tuple[list[str], bool]:
        start = self.place
        names: list[str] = []
        while self._peek_word().kind == "variable":
            names.append(self._next().value)
            following = self._peek_word()
            if following.kind in (":=", "="):
                self._next()
                # The parser knows a variable from its declaration on, even within the declaration's own pipeline.
                self.variables.extend(names if following.kind == ":=" else ())
                return names, following.kind == "="
            if following.kind == "," and context == "range" and len(names) < 2:
                self._next()
                continue
            if following.kind == ",":
                raise TemplateError(f"too many declarations in {context}")
            break
        self.place = start
        return [], False

    def _command(self) -> tuple[Node, ...]:
        operands: list[Node] = []
        while True:
            self._peek_word()
            operand = self._operand()
            if operand is not None:
                operands.append(operand)
            token = self._next()
            if token.kind == "space":
                continue
            if token.kind in ("right", ")"):
                self.place -= 1
            elif token.kind != "|":
                raise _unexpected(token, "operand")
            break
        if not operands:
            raise TemplateError("empty command")
        return tuple(operands)

    def _operand(self) -> Node | None:
        node = self._term()
        if node is None or self._peek().kind != "field":
            return node
        names: list[str] = []
        while self._peek().kind == "field":
            names.append(self._next().value[1:])
        if node.kind in ("field", "variable"):
            return Node(node.kind, (*node.value, *names))
        if node.kind in ("literal", "nil", "dot"):
            raise TemplateError("unexpected . after term")
        return Node("chain", tuple(names), (node,))

    def _term(self) -> Node | None:
        token = self._next_word()
        if token.kind == "identifier":
            if token.value not in FUNCTIONS:
                raise TemplateError(f"function {token.value!r} not defined")
            self.escapes = self.escapes or token.value in ("html", "urlquery")
            return Node("function", token.value)
        if token.kind in ("dot", "nil"):
            return Node(token.kind)
        if token.kind == "variable":
            self._require_variable(token.value)
            return Node("variable", (token.value,))
        if token.kind == "field":
            return Node("field", (token.value[1:],))
        if token.kind in _LITERALS:
            return Node("literal", _literal(token))
        if token.kind == "(":
            return Node("pipe", self._pipeline("parenthesized pipeline", ")"))
        self.place -= 1
        return None

    def _require_variable(self, name: str) -> None:
        if name not in self.variables:
            raise TemplateError(f"undefined variable {name!r}")


def _check_pipeline(commands: list[tuple[Node, ...]], context: str) -> None:
    if not commands:
        raise TemplateError(f"missing value for {context}")
    for stage, command in enumerate(commands[1:], 2):
        if command[0].kind in _NOT_EXECUTABLE:
            raise TemplateError(f"non executable command in pipeline stage {stage}")


def _unexpected(token: Token, context: str) -> TemplateError:
    if token.kind == "eof":
        return TemplateError("unexpected EOF")
    return TemplateError(f"unexpected {token.value!r} in {context}")


_INTEGER = re.compile(r"[+-]?(0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|[0-9_]+)")


def _literal(token: Token) -> t.Any:
    if token.kind == "bool":
        return token.value == "true"
    if token.kind == "raw":
        return token.value[1:-1]
    if token.kind == "string":
        return _unquote(token)
    if token.kind == "character":
        return _character(token.value)
    return _number(token.value)


def _unquote(token: Token) -> str:
    if token.kind == "raw":
        return token.value[1:-1]
    try:
        return str(ast.literal_eval(token.value))
    except (SyntaxError, ValueError) as error:
        raise TemplateError(f"invalid string {token.value}") from error


def _character(value: str) -> int:
    try:
        text = ast.literal_eval(value)
    except (SyntaxError, ValueError) as error:
        raise TemplateError(f"malformed character constant: {value}") from error
    if len(text) != 1:
        raise TemplateError(f"malformed character constant: {value}")
    return ord(text)


def _number(value: str) -> int | float | complex:
    try:
        if _INTEGER.fullmatch(value):
            octal = re.fullmatch(r"([+-]?)0([0-7_]+)", value)
            return int(f"{octal[1]}0o{octal[2]}" if octal else value, 0)
        return complex(value.replace("i", "j")) if value.endswith("i") else float(value)
    except ValueError as error:
        raise TemplateError(f"bad number syntax: {value!r}") from error
