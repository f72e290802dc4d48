# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where runtimes, services and pods lie in the report's picture: plain numbers, from which a template draws SVG.

A runtime is a box, its services are cells beside it (wide) or under it (narrow), lines join them. While they are few,
each pod is a cell of its own; when they are many, services become a grid and pods become marks in their service's cell.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

# worst first: the order of services in the picture and in tables
STATES = ("failed", "degraded", "unknown", "loading", "deleting", "scaled_to_zero", "stopped", "ready")
FEW_SERVICES = 12
FEW_PODS = 24
MOST_SERVICES = 300
MOST_MARKS = 4

_WAITING = ("ContainerCreating", "PodInitializing")


@dataclass(frozen=True)
class Style:
    """Sizes in SVG user units, which are CSS pixels at full width."""

    width: int
    runtime_width: int
    beside: bool  # services beside their runtime, or under it
    columns: int  # of services when they are many
    cell_height: int
    character: float = 6.9  # mean width of a character in the names' font size
    gap: int = 10
    indent: int = 18
    runtime_height: int = 40
    group_gap: int = 22


WIDE = Style(width=1120, runtime_width=250, beside=True, columns=5, cell_height=40)
NARROW = Style(width=356, runtime_width=356, beside=False, columns=2, cell_height=40)


@dataclass
class Picture:
    """What is drawn: boxes [{x, y, w, h, kind, state, title, lines[], marks[], anchor}], lines [path], its size."""

    width: int
    height: int = 0
    boxes: list[dict[str, Any]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)


def draw(groups: Sequence[Mapping[str, Any]], style: Style) -> Picture:
    """groups: [{runtime: {label, sub, title, kind}, services: [service of the result with label, sub, anchor]}]."""
    picture = Picture(style.width)
    services = [service for group in groups for service in group["services"]]
    few = len(services) <= FEW_SERVICES and sum(len(service["pods"]) for service in services) <= FEW_PODS
    top = 1
    for group in groups:
        place = _few if few else _many
        top = place(picture, style, group, top) + style.group_gap
    picture.height = max(top - style.group_gap + 2, 1)
    return picture


def _few(picture: Picture, style: Style, group: Mapping[str, Any], top: int) -> int:
    """One row a service, its pods beside it; returns the bottom."""
    left, start = _runtime(picture, style, group, top)
    rest = style.width - left - 1
    service_width = int((rest - 3 * style.gap) * 0.48) if style.beside else rest
    y = start
    rows: list[int] = []
    for service in group["services"]:
        rows.append(y + style.cell_height // 2)
        _service(picture, style, service, left, y, service_width, marks=False)
        y = _pods(picture, style, service, (left, y, service_width), rest)
        y += style.gap
    _join(picture, style, top, left, rows)
    return max(y - style.gap, top + style.runtime_height)


def _pods(picture: Picture, style: Style, service: Mapping[str, Any], cell: tuple[int, int, int], rest: int) -> int:
    """The pods of one service; returns the bottom of service and pods."""
    left, top, width = cell
    height = 28
    x = left + width + 3 * style.gap if style.beside else left + style.indent
    y = top + (style.cell_height - height) // 2 if style.beside else top + style.cell_height + 6
    bottom = top + style.cell_height
    room = left + rest - x
    ys: list[int] = []
    for pod in service["pods"]:
        box = _box(x, y, room, height, "pod", pod_state(pod), "")
        box["lines"] = [_cut(f"{pod['name']}", room - 34, style)]
        box["title"] = pod_title(pod)
        picture.boxes.append(box)
        ys.append(y + height // 2)
        bottom = max(bottom, y + height)
        y += height + 6
    _join_pods(picture, style, cell, x, ys)
    return bottom


def _join_pods(picture: Picture, style: Style, cell: tuple[int, int, int], x: int, ys: list[int]) -> None:
    left, top, width = cell
    if not ys:
        return
    middle = top + style.cell_height // 2
    if style.beside:
        bus = x - int(1.5 * style.gap)
        picture.lines += [f"M{left + width} {middle}H{bus}", *(f"M{bus} {middle}V{y}H{x}" for y in ys)]
    else:
        bus = left + style.indent // 2
        picture.lines += [f"M{bus} {top + style.cell_height}V{y}H{x}" for y in ys]


def _many(picture: Picture, style: Style, group: Mapping[str, Any], top: int) -> int:
    """A grid of services with marks for pods; returns the bottom."""
    left, start = _runtime(picture, style, group, top)
    rest = style.width - left - 1
    columns = min(style.columns, max(1, len(group["services"])))
    width = (rest - style.gap * (columns - 1)) // columns
    rows: list[int] = []
    y = start
    for index, service in enumerate(group["services"]):
        column = index % columns
        y = start + (index // columns) * (style.cell_height + style.gap)
        x = left + column * (width + style.gap)
        if column == 0:
            rows.append(y + style.cell_height // 2)
        else:
            picture.lines.append(f"M{x - style.gap} {y + style.cell_height // 2}H{x}")
        _service(picture, style, service, x, y, width, marks=True)
    _join(picture, style, top, left, rows)
    return max(y + style.cell_height, top + style.runtime_height)


def _runtime(picture: Picture, style: Style, group: Mapping[str, Any], top: int) -> tuple[int, int]:
    """Draw the runtime; returns where its services begin (left, top)."""
    runtime = group["runtime"]
    box = _box(0 + 1, top, style.runtime_width - 2, style.runtime_height, "runtime", runtime["kind"], runtime["anchor"])
    room = style.runtime_width - 24
    box["lines"] = [_cut(runtime["label"], room, style), _cut(runtime["sub"], room * 1.1, style)]
    box["title"] = runtime["title"]
    picture.boxes.append(box)
    if style.beside:
        return style.runtime_width + 4 * style.gap, top
    return style.indent, top + style.runtime_height + style.gap


def _service(
    picture: Picture, style: Style, service: Mapping[str, Any], x: int, y: int, width: int, *, marks: bool
) -> None:
    box = _box(x, y, width, style.cell_height, "service", service["state"], service["anchor"])
    shown = [pod_state(pod) for pod in service["pods"]] if marks else []
    box["marks"] = shown[:MOST_MARKS]
    box["more"] = len(shown) - len(box["marks"])
    room = width - 26
    beside_marks = room - 12 * len(box["marks"]) - (24 if box["more"] else 0)
    box["lines"] = [
        _cut(service["label"], room, style),
        _cut(str(service["namespace"]), beside_marks * 1.1, style)
        if marks
        else _cut(service["sub"], room * 1.1, style),
    ]
    box["title"] = service["title"]
    picture.boxes.append(box)


def _join(picture: Picture, style: Style, top: int, left: int, rows: list[int]) -> None:
    """Lines from the runtime to each row of services."""
    if not rows:
        return
    if style.beside:
        start, middle, bus = style.runtime_width - 1, top + style.runtime_height // 2, left - 2 * style.gap
        picture.lines += [f"M{start} {middle}H{bus}", *(f"M{bus} {middle}V{row}H{left}" for row in rows)]
    else:
        bus = left // 2
        picture.lines += [f"M{bus} {top + style.runtime_height}V{row}H{left}" for row in rows]


def _box(x: int, y: int, w: int, h: int, kind: str, state: str, anchor: str) -> dict[str, Any]:
    place = {"x": x, "y": y, "w": w, "h": h, "kind": kind, "state": state, "anchor": anchor}
    return {**place, "lines": [], "marks": [], "more": 0, "title": ""}


def _cut(text: str, room: float, style: Style) -> str:
    """The text as far as the room goes; the end of a name tells more than its middle."""
    most = max(int(room / style.character), 4)
    if len(text) <= most:
        return text
    tail = min(8, most // 3)
    return f"{text[: most - tail - 1]}…{text[len(text) - tail :]}"


def pod_state(pod: Mapping[str, Any]) -> str:
    """ready, failed or loading: the mark that a pod gets."""
    if pod.get("ready"):
        return "ready"
    reason = pod.get("reason")
    failed = pod.get("phase") == "Failed" or (reason and reason not in _WAITING)
    return "failed" if failed else "loading"


def pod_title(pod: Mapping[str, Any]) -> str:
    """What the pod's tooltip says."""
    parts = [f"Pod {pod.get('name')}", str(pod.get("phase") or "unknown")]
    parts += [str(pod["reason"])] if pod.get("reason") else []
    parts += [f"{pod['restarts']} restarts"] if pod.get("restarts") else []
    parts += [f"on {pod['node']}"] if pod.get("node") else []
    return ", ".join(parts)


def by_state(services: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Worst first, then namespace and name."""
    return sorted(services, key=lambda s: (_rank(s.get("state")), str(s.get("namespace")), str(s.get("name"))))


def _rank(state: Any) -> int:
    return STATES.index(state) if state in STATES else STATES.index("unknown")
