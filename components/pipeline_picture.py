"""The picture of the pipeline: an SVG with live counts, wide for screens and tall for phones.

Every text in it is a name of ours, a state from an enum, or a number; nothing that came from outside is drawn.
States are told by a word and a sign, not by colour alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from html import escape


class Mood(Enum):
    """How a part of the picture stands: the sign drawn beside its state, and its CSS class."""

    GOOD = ("✓", "good")
    WAIT = ("…", "wait")
    BAD = ("✕", "bad")
    PLAIN = ("", "plain")


@dataclass(frozen=True)
class Node:
    """One box: what it is, its state in a word or two, and a count in words."""

    title: str
    state: str
    count: str
    mood: Mood = Mood.PLAIN


@dataclass(frozen=True)
class Picture:
    """The boxes of the pipeline."""

    table: Node
    stream: Node
    cache_put: Node
    topic_publish: Node
    cache_delete: Node
    cache: Node
    topic: Node
    queue: Node


_WIDTH, _HEIGHT = 190, 78

#: Top left corners of the boxes: (x, y).
_WIDE = {
    "table": (4, 112),
    "stream": (254, 112),
    "cache_put": (504, 4),
    "topic_publish": (504, 112),
    "cache_delete": (504, 220),
    "cache": (774, 4),
    "topic": (774, 112),
    "queue": (774, 220),
}
_TALL = {
    "table": (4, 4),
    "stream": (204, 4),
    "cache_put": (4, 130),
    "topic_publish": (204, 130),
    "cache_delete": (104, 232),
    "cache": (4, 358),
    "topic": (204, 358),
    "queue": (104, 460),
}

#: Arrows of the pipeline, and those that only a failure takes.
_FLOWS = (
    ("table", "stream"),
    ("stream", "cache_put"),
    ("stream", "topic_publish"),
    ("stream", "cache_delete"),
    ("cache_put", "cache"),
    ("topic_publish", "topic"),
    ("cache_delete", "cache"),
)
_FAILURES = (("cache_put", "queue"), ("topic_publish", "queue"), ("cache_delete", "queue"))

_STYLE = """<style>
.pipeline-picture svg{width:100%;height:auto;display:block;font-family:inherit}
.pipeline-picture .tall{display:none;max-width:410px;margin:auto}
@media (max-width:700px){.pipeline-picture .wide{display:none}.pipeline-picture .tall{display:block}}
.pipeline-picture rect{fill:currentColor;fill-opacity:.05;stroke:currentColor;stroke-opacity:.35;stroke-width:1.2}
.pipeline-picture .good rect{stroke:#0d9488;stroke-opacity:1}
.pipeline-picture .wait rect{stroke:#d97706;stroke-opacity:1;stroke-dasharray:5 3}
.pipeline-picture .bad rect{stroke:#dc2626;stroke-opacity:1;stroke-width:2.4}
.pipeline-picture text{fill:currentColor}
.pipeline-picture .title{font-size:15px;font-weight:600}
.pipeline-picture .state{font-size:13px}
.pipeline-picture .count{font-size:13px;fill-opacity:.8}
.pipeline-picture path{fill:none;stroke:currentColor;stroke-opacity:.55;stroke-width:1.5}
.pipeline-picture path.failure{stroke-dasharray:4 4;stroke-opacity:.4}
</style>"""


def picture_html(picture: Picture) -> str:
    """The picture as HTML for `st.html`, in both shapes; the page's width chooses."""
    wide = _svg(picture, _WIDE, 968, 302, "wide")
    tall = _svg(picture, _TALL, 398, 542, "tall")
    return f'{_STYLE}<div class="pipeline-picture">{wide}{tall}</div>'


def describe(picture: Picture) -> str:
    """The picture in words, for those who cannot see it."""
    nodes = (getattr(picture, name) for name in _WIDE)
    return "; ".join(f"{node.title}: {node.state}, {node.count}" for node in nodes)


def _svg(picture: Picture, places: dict[str, tuple[int, int]], width: int, height: int, shape: str) -> str:
    arrows = "".join(_arrow(places[a], places[b], shape, "flow") for a, b in _FLOWS)
    failures = "".join(_arrow(places[a], places[b], shape, "failure") for a, b in _FAILURES)
    boxes = "".join(_box(getattr(picture, name), place) for name, place in places.items())
    label = escape(describe(picture), quote=True)
    return (
        f'<svg class="{shape}" viewBox="0 0 {width} {height}" role="img" aria-label="{label}">'
        f"{failures}{arrows}{boxes}</svg>"
    )


def _box(node: Node, place: tuple[int, int]) -> str:
    x, y = place
    sign, css = node.mood.value
    state = f"{sign} {node.state}".strip()
    lines = ((26, "title", node.title), (46, "state", state), (66, "count", node.count))
    texts = "".join(f'<text x="{x + 12}" y="{y + dy}" class="{kind}">{escape(text)}</text>' for dy, kind, text in lines)
    return f'<g class="{css}"><rect x="{x}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" rx="8"/>{texts}</g>'


def _arrow(start: tuple[int, int], end: tuple[int, int], shape: str, kind: str) -> str:
    """A curve from box to box with a small head: sideways where the boxes stand side by side, else downwards."""
    (ax, ay), (bx, by) = start, end
    if shape == "wide" or ay == by:
        x1, y1, x2, y2 = ax + _WIDTH, ay + _HEIGHT / 2, bx, by + _HEIGHT / 2
        bend = (x2 - x1) / 2
        curve = f"M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2 - 2} {y2}"
        head = f"M{x2 - 9} {y2 - 5}L{x2 - 2} {y2}L{x2 - 9} {y2 + 5}"
    else:
        x1, y1, x2, y2 = ax + _WIDTH / 2, ay + _HEIGHT, bx + _WIDTH / 2, by
        bend = (y2 - y1) / 2
        curve = f"M{x1} {y1}C{x1} {y1 + bend} {x2} {y2 - bend} {x2} {y2 - 2}"
        head = f"M{x2 - 5} {y2 - 9}L{x2} {y2 - 2}L{x2 + 5} {y2 - 9}"
    return f'<path class="{kind}" d="{curve}"/><path class="{kind}-head" d="{head}"/>'
