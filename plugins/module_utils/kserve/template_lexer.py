# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Words of a Go template: text, and within {{ }} the tokens of an action.

Source of the behaviour: Go's text/template/parse, lex.go.
"""

from __future__ import annotations

import re
import typing as t
from collections.abc import Generator, Iterator
from dataclasses import dataclass

LEFT, RIGHT = "{{", "}}"
SPACES = " \t\r\n"
KEYWORDS = frozenset({"block", "break", "continue", "define", "else", "end", "if", "range", "nil", "template", "with"})

_LEFT_TRIM = re.compile(r"-[ \t\r\n]")
_RIGHT_TRIM = re.compile(r"[ \t\r\n]-\}\}")
_WORD = re.compile(r"\w*")
_NUMBER = re.compile(
    r"[+-]?(?:0[xX][0-9a-fA-F_]*(?:\.[0-9a-fA-F_]*)?(?:[pP][+-]?[0-9_]*)?|0[oO][0-7_]*|0[bB][01_]*"
    r"|[0-9_]*(?:\.[0-9_]*)?(?:[eE][+-]?[0-9_]*)?)i?"
)


class TemplateError(ValueError):
    """A template that cannot be parsed or executed; `parsed` says which of the two."""

    def __init__(self, message: str, *, parsed: bool = False) -> None:
        super().__init__(message)
        self.parsed = parsed


@dataclass(frozen=True)
class Token:
    """A token: `kind` is text, left, right, space, or what stands in an action; `value` is as written."""

    kind: str
    value: str
    position: int


def tokens(source: str) -> list[Token]:
    """Split a template; what Go's lexer complains of becomes a last token of kind `error`.

    Go's parser reads tokens as they come, so that its own complaint about an earlier one goes first.
    """
    found: list[Token] = []
    try:
        for token in _Lexer(source).run():
            found.append(token)
    except TemplateError as error:
        found.append(Token("error", str(error), len(source)))
    return found


class _Lexer:
    def __init__(self, source: str) -> None:
        self.source = source
        self.place = 0

    def run(self) -> Iterator[Token]:
        trim = False
        while self.place < len(self.source):
            start = self.source.find(LEFT, self.place)
            text = self.source[self.place :] if start < 0 else self.source[self.place : start]
            if trim:
                text = text.lstrip(SPACES)
            if start < 0:
                yield from self._text(text)
                break
            self.place = start + len(LEFT)
            if _LEFT_TRIM.match(self.source, self.place):
                text = text.rstrip(SPACES)
                self.place += 2
            yield from self._text(text)
            if self.source.startswith("/*", self.place):
                trim = self._comment()
                continue
            yield Token("left", LEFT, start)
            trim = yield from self._action()
        yield Token("eof", "", len(self.source))

    def _text(self, text: str) -> Iterator[Token]:
        if text:
            yield Token("text", text, self.place)

    def _comment(self) -> bool:
        """Skip a comment; return whether the text after it is trimmed."""
        end = self.source.find("*/", self.place)
        if end < 0:
            raise TemplateError("unclosed comment")
        self.place = end + 2
        trim = bool(_RIGHT_TRIM.match(self.source, self.place))
        if not trim and not self.source.startswith(RIGHT, self.place):
            raise TemplateError("comment ends before closing delimiter")
        self.place += 4 if trim else 2
        return trim

    def _action(self) -> Generator[Token, None, bool]:
        """Yield the tokens of an action; return whether the text after it is trimmed."""
        depth = 0
        while True:
            trim = bool(_RIGHT_TRIM.match(self.source, self.place))
            if trim or self.source.startswith(RIGHT, self.place):
                if depth:
                    raise TemplateError("unclosed left paren")
                yield Token("right", RIGHT, self.place)
                self.place += 4 if trim else 2
                return trim
            if self.place >= len(self.source):
                raise TemplateError("unclosed action")
            token = self._token()
            depth += {"(": 1, ")": -1}.get(token.kind, 0)
            if depth < 0:
                raise TemplateError("unexpected right paren")
            yield token

    def _token(self) -> Token:
        start, char = self.place, self.source[self.place]
        following = self.source[start + 1 : start + 2]
        if char in SPACES:
            return self._spaces()
        if char in "(),|=":
            return self._take(char, 1)
        if char == ":":
            if following != "=":
                raise TemplateError("expected :=")
            return self._take(":=", 2)
        if char in "\"'":
            return self._quoted(char)
        if char == "`":
            return self._raw()
        if char == "$" or (char == "." and not following.isdigit()):
            return self._path(char)
        if char in "+-." or char.isdigit():
            return self._number()
        if char.isalnum() or char == "_":
            return self._identifier()
        if char.isascii() and char.isprintable():
            return self._take("char", 1)
        raise TemplateError(f"unrecognized character in action: U+{ord(char):04X}")

    def _take(self, kind: str, length: int) -> Token:
        token = Token(kind, self.source[self.place : self.place + length], self.place)
        self.place += length
        return token

    def _spaces(self) -> Token:
        end = self.place
        while end < len(self.source) and self.source[end] in SPACES and not _RIGHT_TRIM.match(self.source, end):
            end += 1
        return self._take("space", end - self.place)

    def _quoted(self, quote: str) -> Token:
        end = self.place + 1
        while end < len(self.source) and self.source[end] not in (quote, "\n"):
            end += 2 if self.source[end] == "\\" else 1
        if end >= len(self.source) or self.source[end] != quote:
            raise TemplateError("unterminated quoted string" if quote == '"' else "unterminated character constant")
        return self._take("string" if quote == '"' else "character", end + 1 - self.place)

    def _raw(self) -> Token:
        end = self.source.find("`", self.place + 1)
        if end < 0:
            raise TemplateError("unterminated raw quoted string")
        return self._take("raw", end + 1 - self.place)

    def _path(self, char: str) -> Token:
        """A field (.Name), a variable ($x), or the bare dot or dollar."""
        end = self.place + 1
        if not self._terminated(end):
            end = t.cast("re.Match[str]", _WORD.match(self.source, end)).end()
            self._require_terminator(end)
        kind = "variable" if char == "$" else "field" if end > self.place + 1 else "dot"
        return self._take(kind, end - self.place)

    def _identifier(self) -> Token:
        end = t.cast("re.Match[str]", _WORD.match(self.source, self.place)).end()
        self._require_terminator(end)
        word = self.source[self.place : end]
        kind = word if word in KEYWORDS else "bool" if word in ("true", "false") else "identifier"
        return self._take(kind, end - self.place)

    def _number(self) -> Token:
        end = t.cast("re.Match[str]", _NUMBER.match(self.source, self.place)).end()
        following = self.source[end : end + 1]
        if following.isalnum() or following == "_" or end == self.place:
            raise TemplateError("bad number syntax")
        return self._take("number", end - self.place)

    def _terminated(self, place: int) -> bool:
        """Say whether a field, variable or word may end here (atTerminator)."""
        if place >= len(self.source) or self.source[place] in SPACES or self.source[place] in ".,|:)(":
            return True
        return self.source.startswith(RIGHT, place)

    def _require_terminator(self, place: int) -> None:
        if not self._terminated(place):
            char = self.source[place]
            raise TemplateError(f"bad character U+{ord(char):04X} {char!r}")
