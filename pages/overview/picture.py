"""The picture of the pipeline: boxes with live counts, laid out by CSS so that it fits screens and phones.

Every text in it is a name of ours, a state from an enum, or a number; nothing that came from outside is drawn.
States are told by a word and a sign, not by colour alone, and each box is a link. (`st.html` removes SVG, so lines are
borders.)
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import Enum
from html import escape


class Mood(Enum):
    """How a box stands: the sign drawn beside its state, and its CSS class."""

    GOOD = ("✓", "good")
    WAIT = ("…", "wait")
    BAD = ("✕", "bad")
    PLAIN = ("", "plain")


@dataclass(frozen=True)
class Node:
    """One box: what it is, its state in a word or two, a count in words, and the page that tells more, as a path."""

    title: str
    state: str
    count: str
    mood: Mood = Mood.PLAIN
    page: str = ""


@dataclass(frozen=True)
class Picture:
    """The boxes of the pipeline, in reading order."""

    table: Node
    stream: Node
    cache_put: Node
    cache_delete: Node
    topic_publish: Node
    cache: Node
    topic: Node
    queue: Node


#: The lines: CSS class -> what stands in it. Their shape is in the style sheet.
_LINES = {
    "to-stream": "",
    "branch-top": "",
    "branch-middle": "",
    "branch-bottom": "",
    "to-cache-1": "",
    "to-cache-2": "",
    "to-topic": "",
    "to-queue": "what a pipe cannot deliver",
    "down-1": "↓",
    "down-2": "↓",
    "down-3": "↓ what a pipe cannot deliver",
}

_STYLE = """<style>
.pp{container-type:inline-size}
.pp-grid{display:grid;grid-template-columns:1fr 2.2rem 1fr 2.6rem 1.1fr 2.2rem 1fr;
grid-template-rows:repeat(4,auto);align-items:center}
.pp-node{border:1px solid #94a3b8;border-left-width:5px;border-radius:6px;padding:.55rem .7rem;margin:.35rem 0;
line-height:1.35;font-size:.87rem;min-width:0;display:block;color:inherit!important;text-decoration:none!important}
a.pp-node:hover,a.pp-node:focus-visible{outline:2px solid #0d9488;outline-offset:1px}
.pp-node b{display:block;font-size:.95rem;font-weight:600}
.pp-node span{display:block}
.pp-node.good{border-left-color:#0d9488}
.pp-node.wait{border-color:#d97706;border-style:dashed;border-left-style:solid}
.pp-node.bad{border-color:#dc2626}
.pp-line{font-size:.8rem;position:relative;align-self:stretch}
.pp-line.side::before{content:"";position:absolute;top:50%;left:0;right:0;border-top:1.5px solid #94a3b8}
.pp-line.side::after{content:"";position:absolute;top:50%;right:1px;width:7px;height:7px;
border-top:1.5px solid #94a3b8;border-right:1.5px solid #94a3b8;transform:translateY(-45%) rotate(45deg)}
.pp-line.branch{margin-left:50%}
.pp-line.branch i{position:absolute;left:0;border-left:1.5px solid #94a3b8}
.branch-top i{top:50%;bottom:0}.branch-middle i{top:0;bottom:0}.branch-bottom i{top:0;bottom:50%}
.branch-middle u{position:absolute;top:50%;right:100%;width:100%;border-top:1.5px solid #94a3b8}
.pp-line.dashed{align-self:center;text-align:right;padding:.3rem .7rem .3rem 0;border-top:1.5px dashed #94a3b8;
margin-top:1.1rem}
.pp-line.down{display:none}
.table{grid-area:2/1}.to-stream{grid-area:2/2}.stream{grid-area:2/3}
.branch-top{grid-area:1/4}.branch-middle{grid-area:2/4}.branch-bottom{grid-area:3/4}
.cache_put{grid-area:1/5}.cache_delete{grid-area:2/5}.topic_publish{grid-area:3/5}
.to-cache-1{grid-area:1/6}.to-cache-2{grid-area:2/6}.to-topic{grid-area:3/6}
.cache{grid-area:1/7/3/8;align-self:stretch}.topic{grid-area:3/7}.to-queue{grid-area:4/5/5/7}.queue{grid-area:4/7}
@container (max-width:700px){
.pp-grid{grid-template-columns:1fr 1fr;grid-template-rows:none;column-gap:.6rem}
.pp-line.side,.pp-line.branch,.pp-line.dashed{display:none}
.pp-line.down{display:block;text-align:center;grid-column:1/3}
.table{grid-area:1/1}.stream{grid-area:1/2}.down-1{grid-row:2}
.cache_put{grid-area:3/1}.cache_delete{grid-area:3/2}.topic_publish{grid-area:4/1/5/3}.down-2{grid-row:5}
.cache{grid-area:6/1}.topic{grid-area:6/2}.down-3{grid-row:7}.queue{grid-area:8/1/9/3}
}
</style>"""


def picture_html(picture: Picture) -> str:
    """The picture as HTML for `st.html`."""
    boxes = "".join(_box(name, node) for name, node in _nodes(picture))
    lines = "".join(_line(name, text) for name, text in _LINES.items())
    label = escape(describe(picture), quote=True)
    return f'{_STYLE}<div class="pp" role="group" aria-label="{label}"><div class="pp-grid">{boxes}{lines}</div></div>'


def describe(picture: Picture) -> str:
    """The picture in words, for those who cannot see it."""
    return "; ".join(f"{node.title}: {node.state}, {node.count}" for _, node in _nodes(picture))


def _nodes(picture: Picture) -> list[tuple[str, Node]]:
    return [(field.name, getattr(picture, field.name)) for field in fields(picture)]


def _box(name: str, node: Node) -> str:
    sign, mood = node.mood.value
    state = escape(f"{sign} {node.state}".strip())
    words = f"<b>{escape(node.title)}</b><span>{state}</span><span>{escape(node.count)}</span>"
    if not node.page:
        return f'<div class="pp-node {mood} {name}">{words}</div>'
    return f'<a class="pp-node {mood} {name}" href="{escape(node.page, quote=True)}" target="_self">{words}</a>'


def _line(name: str, text: str) -> str:
    if name.startswith("branch"):
        return f'<div class="pp-line side branch {name}"><i></i><u></u></div>'
    shape = "down" if name.startswith("down") else "dashed" if name == "to-queue" else "side"
    return f'<div class="pp-line {shape} {name}" aria-hidden="true">{escape(text)}</div>'
