# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What in a server's log decides: the last exception of a traceback, the rows of Triton's model table, error lines.

A summary line ("failed to load all models") says nothing; what it summarises stands above it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

# Lines that look alarming and mean nothing on a node without GPU, or follow from what is read elsewhere.
HARMLESS = re.compile(
    r"NVML|nvml|DCGM|CudaDriverHelper|pinned (system )?memory|CUDA memory pool|driver not found; GPU|"
    r"GPU support will not|"
    r"DeprecationWarning|FutureWarning|UserWarning|InconsistentVersionWarning|"
    r"telemetry|It is recommended|warnings\.warn",
)

# Exceptions that end a program because something else went wrong before.
_FOLLOWING = {
    "asyncio.exceptions.CancelledError",
    "CancelledError",
    "KeyboardInterrupt",
    "SystemExit",
    "GeneratorExit",
    "BrokenPipeError",
    "EOFError",
    "concurrent.futures.process.BrokenProcessPool",
    "_queue.Empty",
    "ConnectionResetError",
}

_TRACEBACK = re.compile(r"Traceback \(most recent call last\):")
_EXCEPTION = re.compile(r"^(?P<name>[A-Za-z_][\w.]*?[A-Za-z_]\w*)(?::\s?(?P<message>.*))?$")
_CHAINED_CAUSE = "The above exception was the direct cause of the following exception"
_CHAINED_CONTEXT = "During handling of the above exception, another exception occurred"
# A new log record, in the shapes that Python servers and Triton write.
_RECORD = re.compile(
    r"^(\d{4}-\d\d-\d\d[ T]|\[\d{4}|[IWEF]\d{4} \d\d:|INFO\b|WARNING\b|ERROR\b|CRITICAL\b|DEBUG\b|\{\"|Traceback)"
)
_GLOG = re.compile(r"^(?P<level>[IWEF])\d{4} \d\d:\d\d:\d\d\.\d+ +\d+ (?P<where>[\w./-]+:\d+)\] (?P<text>.*)$")
# A record of Python's logging as the storage initializer writes it (KServe python/storage, logging.py): the message may
# go on in lines of its own.
_PYTHON_RECORD = re.compile(
    r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\S* \d+ (?P<name>[\w.]+) (?P<level>[A-Z]+) \[[^\]]*\] (?P<text>.*)$"
)
# What only sums up, in fewer words, an error that stands above it (python/storage, storage_errors.py).
_SUMMARY = "Storage initialization failed: "
_LEVEL = re.compile(
    r"(?:^|[\s\[|])(?:ERROR|CRITICAL|FATAL)(?:[\]\s:|-]|$)"
    r"|^\s*(?:[\w./-]+: )?(?:fatal )?error:|^panic:|panicked at|^Error:|^Fatal|\blevel=(?:error|fatal)\b"
    r"|^Exception in thread|^Caused by: |^[\w.$]+(?:Error|Exception): |^terminate called|^\s*what\(\): "
    r"|^Segmentation fault|^Killed$|command not found|: not found$",
    re.IGNORECASE,
)
_JSON_ERROR = re.compile(r'"(?:level|levelname|severity)"\s*:\s*"(?:error|critical|fatal)"', re.IGNORECASE)
_USAGE = re.compile(r"^\s*usage: ", re.IGNORECASE)
_UNKNOWN_ARGUMENT = re.compile(
    r"unrecogni[sz]ed (?:option|argument|command|flag)|unknown (?:flag|option|argument|shorthand)|no such option|"
    r"invalid option|unexpected (?:option|argument)|flag provided but not defined|unknown command.line flag|"
    r"unknown option",
    re.IGNORECASE,
)
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


@dataclass(frozen=True)
class Raised:
    """The end of a traceback: exception class and message, and what it was raised from."""

    name: str
    message: str
    origin: str = ""
    frame: str = ""

    @property
    def text(self) -> str:
        return f"{self.name}: {self.message}" if self.message else self.name

    @property
    def place(self) -> str:
        """The file of the innermost frame, "" where none was seen."""
        matched = re.search(r'File "([^"]+)"', self.frame)
        return matched[1] if matched else ""

    @property
    def following(self) -> bool:
        return self.name in _FOLLOWING or self.message == "Event loop is closed"


@dataclass
class Reading:
    """What was found in one log."""

    raised: list[Raised] = field(default_factory=list)
    rows: list[tuple[str, str, str]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    usage: str = ""
    last: list[str] = field(default_factory=list)

    @property
    def decisive(self) -> list[str]:
        """The decisive texts, most telling first."""
        found: list[str] = []
        if self.usage:
            found.append(self.usage)
        found += [f"model {name}: {status}" for name, _version, status in self.rows]
        causes = [item for item in self.raised if not item.following]
        found += [item.text for item in reversed(causes)]
        found += [item.origin for item in reversed(causes) if item.origin]
        found += list(reversed(self.errors))
        return list(dict.fromkeys(text for text in found if text))

    @property
    def places(self) -> dict[str, str]:
        """Where each exception was raised, by its text: patterns may ask for it."""
        return {item.text: item.place for item in self.raised if item.place}

    @property
    def best(self) -> str:
        """The one text to quote where no pattern knows better; "" where the log is silent."""
        if self.decisive:
            return self.decisive[0]
        return " / ".join(self.last[-3:])


def read(text: str) -> Reading:
    """Read a log: the part that matters of *text*, whoever wrote it."""
    lines = [_ANSI.sub("", line.rstrip()) for line in text.splitlines()]
    reading = Reading()
    reading.raised = _tracebacks(lines)
    reading.rows = _model_table(lines)
    told = tuple(item.text for item in reading.raised)
    reading.errors = [line for line in _error_lines(_without_help(lines)) if not _begins(told, line)]
    reading.usage = _usage(lines)
    reading.last = [line.strip() for line in lines if line.strip() and not HARMLESS.search(line)][-8:]
    return reading


_TRYING = re.compile(
    r"can't|cannot|could not|unable|fail|refused|timed? ?out|not found|not ready|NXDOMAIN|no route|unreachable|"
    r"wait|retry|error|attempt",
    re.IGNORECASE,
)
_PROGRESS = re.compile(r"\d ?%|\b(?:Downloaded|Successfully|Fetching|Copied)\b")


def repeats(text: str) -> bool:
    """Whether a log ends by saying the same again and again: a loop that waits for something.

    Numbers may count the tries of such a line; where a line speaks of no trying, other numbers are progress.
    """
    last = read(text).last
    said = {re.sub(r"\d+", "0", line) if _TRYING.search(line) else line for line in last}
    return len(last) >= 4 and len(said) <= len(last) // 2 and any(_TRYING.search(line) for line in last)


def gets_on(text: str) -> bool:
    """Whether a log tells of data that came."""
    return bool(_PROGRESS.search(text))


_MARKS = re.compile(
    r"Traceback \(most recent call last\):|^[EF]\d{4} \d\d:|\b(?:ERROR|CRITICAL|FATAL)\b|rror: ", re.MULTILINE
)


def excerpt(text: str, limit: int) -> str:
    """The end of a log, and before it the last part that looks decisive where the end does not reach back to it.

    A program's errors and its other output take different ways: what it wrote last can stand far above the end.
    """
    if len(text) <= limit:
        return text
    room = limit // 3
    end = text[-(limit - room) :]
    places = [found.start() for found in _MARKS.finditer(text[: -(limit - room)])]
    if not places:
        return text[-limit:]
    first = next((place for place in places if place > places[-1] - room // 2), places[-1])
    return f"{text[first : first + room]}\n{end}"


def _begins(texts: tuple[str, ...], line: str) -> bool:
    """Whether a line is the beginning of an exception that was read in full."""
    return any(text.startswith(line) for text in texts)


def _tracebacks(lines: list[str]) -> list[Raised]:
    found: list[Raised] = []
    index = 0
    origin = ""
    while index < len(lines):
        if not _TRACEBACK.search(lines[index]):
            index += 1
            continue
        raised, index = _one_traceback(lines, index)
        if raised is None:
            continue
        if origin:
            raised = Raised(raised.name, raised.message, origin, raised.frame)
            found.pop()
        found.append(raised)
        origin = _chained(lines, index, raised)
    return found


def _chained(lines: list[str], index: int, raised: Raised) -> str:
    """The text of *raised* where the next lines say that another exception follows from it."""
    for line in lines[index : index + 4]:
        if _CHAINED_CAUSE in line or _CHAINED_CONTEXT in line:
            return raised.origin or raised.text
        if _TRACEBACK.search(line):
            return ""
    return ""


def _one_traceback(lines: list[str], start: int) -> tuple[Raised | None, int]:
    """The exception that ends the traceback at *start*, and the index of the line after it."""
    margin = _margin(lines[start])
    frame = ""
    for index in range(start + 1, min(start + 400, len(lines))):
        line = _without_margin(lines[index], margin)
        if line.lstrip().startswith("File "):
            frame = line.strip()
        if _TRACEBACK.search(line):
            return None, index
        if not line.strip() or line[0] in " \t":
            continue
        matched = _EXCEPTION.match(line)
        if not matched:
            return None, index
        message, after = _whole_message(lines, index, matched["message"] or "", margin)
        return Raised(matched["name"], message, "", frame), after
    return None, len(lines)


def _margin(line: str) -> str:
    """What stands left of a traceback (ExceptionGroups draw a frame there); a log record's prefix is none."""
    head = line[: _TRACEBACK.search(line).start()]  # type: ignore[union-attr]
    return head if not head.strip(" |+-") else ""


def _without_margin(line: str, margin: str) -> str:
    return line[len(margin) :] if margin and len(line) > len(margin) else line


def _whole_message(lines: list[str], index: int, first: str, margin: str) -> tuple[str, int]:
    """The exception's message with its further lines, as validation errors have them."""
    parts = [first.strip()]
    after = index + 1
    for line in lines[index + 1 : index + 9]:
        plain = _without_margin(line, margin)
        frame = not plain.strip(" |+-")
        if frame or _RECORD.match(plain) or _TRACEBACK.search(plain) or plain.startswith(('"""', "|")):
            break
        parts.append(plain.strip())
        after += 1
    return " ".join(part for part in parts if part), after


def _model_table(lines: list[str]) -> list[tuple[str, str, str]]:
    """Rows (model, version, status) of Triton's table whose status is not READY; a cell may go on in further rows."""
    rows: list[list[str]] = []
    for line in lines:
        stripped = line.strip()
        if not (stripped.startswith("|") and stripped.endswith("|")) and not (stripped.startswith("|") and rows):
            continue
        cells = [cell.strip() for cell in stripped.strip("|").split("|")]
        if cells[0] == "Model" or len(cells) < 3 and not rows:
            continue
        if cells[0]:
            rows.append([cells[0], cells[1] if len(cells) > 2 else "", " ".join(cells[2:] or cells[1:])])
        elif rows:
            rows[-1][2] = f"{rows[-1][2]} {' '.join(cell for cell in cells if cell)}".strip()
    failed = [(name, version, status) for name, version, status in rows if status.startswith("UNAVAILABLE")]
    return [(name, version, _without_state(status)) for name, version, status in failed]


def _without_state(status: str) -> str:
    return status.partition(":")[2].strip() or status


def _error_lines(lines: list[str]) -> list[str]:
    found: list[str] = []
    for index, line in enumerate(lines):
        glog = _GLOG.match(line)
        if glog:
            if glog["level"] in "EF" and not HARMLESS.search(glog["text"]):
                found.append(_quoted(lines, index, glog["text"]))
            continue
        record = _PYTHON_RECORD.match(line)
        if record:
            if record["level"] in ("ERROR", "CRITICAL"):
                found.append(_continued(lines, index, record["text"]))
            continue
        if (_LEVEL.search(line) or _JSON_ERROR.search(line)) and not HARMLESS.search(line):
            found.append(line.strip())
    found = sorted(dict.fromkeys(found), key=lambda text: not text.startswith(_SUMMARY))
    return found[-12:]


def _continued(lines: list[str], index: int, text: str) -> str:
    """A record's message with the lines that belong to it."""
    parts = [text]
    for line in lines[index + 1 : index + 12]:
        if _RECORD.match(line):
            break
        parts.append(line)
    return " ".join(part.strip() for part in parts if part.strip())


def _quoted(lines: list[str], index: int, text: str) -> str:
    """A Triton message stands in quotes and may go on in the next lines."""
    parts = [text]
    if text.startswith('"') and not (text.endswith('"') and len(text) > 1):
        for line in lines[index + 1 : index + 12]:
            if _GLOG.match(line):
                break
            parts.append(line.strip())
            if line.rstrip().endswith('"'):
                break
    return " ".join(part for part in parts if part).strip('"')


def _usage(lines: list[str]) -> str:
    """What a program complains of that prints its usage: an argument it does not know, or two that do not fit."""
    plain = _without_help(lines)
    for line in plain:
        if _UNKNOWN_ARGUMENT.search(line) and not _GLOG.match(line):
            return line.strip()
    places = [index for index, line in enumerate(plain) if _USAGE.match(line)]
    if not places:
        return ""
    for line in plain[places[-1] :]:
        if re.search(r"\berror:", line, re.IGNORECASE):
            return line.strip()
    after = [line.strip() for line in plain[places[-1] + 1 :] if line.strip() and not line.rstrip().endswith(":")]
    before = [line.strip() for line in plain[: places[0]] if line.strip()]
    return (after or before or [""])[-1]


def _without_help(lines: list[str]) -> list[str]:
    """The lines without the indented descriptions of options that follow a usage line."""
    if not any(_USAGE.match(line) for line in lines):
        return lines
    return [line for line in lines if line[:1] not in (" ", "\t")]
