"""The picture of the pipeline: every box is in it, in words too, and text stays text."""

from __future__ import annotations

from dataclasses import fields, replace
from html import unescape
from html.parser import HTMLParser

import pytest

from pages.overview.picture import Mood, Node, Picture, describe, picture_html

NODES = {
    field.name: Node(f"{field.name} title", f"{field.name} state", f"{field.name} count") for field in fields(Picture)
}
PICTURE = Picture(**NODES)


class Outline(HTMLParser):
    """The elements of a piece of HTML with their attributes, how deep each end leaves it, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += f"{data}\n"


def test_every_box_is_drawn_with_its_title_state_and_count() -> None:
    outline = Outline(picture_html(PICTURE))

    assert outline.open == []
    for name, node in NODES.items():
        assert [tag for tag, attributes in outline.elements if name in (attributes.get("class") or "").split()]
        for words in (node.title, node.state, node.count):
            assert f"{words}\n" in outline.text


def test_the_picture_is_one_group_with_its_words_for_those_who_cannot_see_it() -> None:
    (group,) = [attributes for _, attributes in Outline(picture_html(PICTURE)).elements if "role" in attributes]

    assert group["role"] == "group"
    assert group["aria-label"] == describe(PICTURE)
    assert describe(PICTURE).count(";") == len(NODES) - 1


def test_a_box_with_a_page_is_a_link_to_it_in_the_same_window() -> None:
    outline = Outline(picture_html(replace(PICTURE, queue=replace(NODES["queue"], page="dead-letters?x=1&y=2"))))

    ((tag, link),) = [(tag, found) for tag, found in outline.elements if "href" in found]
    assert (tag, link["href"], link["target"]) == ("a", "dead-letters?x=1&y=2", "_self")


@pytest.mark.parametrize("name", NODES)
def test_text_in_a_box_never_becomes_an_element_or_an_attribute(name: str) -> None:
    hostile = "\"'><img src=x onerror=alert(1)><script>alert(2)</script>&amp;"
    picture = replace(PICTURE, **{name: Node(hostile, hostile, hostile, page=hostile)})

    linked = replace(PICTURE, **{name: replace(NODES[name], page="weather")})
    drawn, plain = Outline(picture_html(picture)), Outline(picture_html(linked))

    assert [tag for tag, _ in drawn.elements] == [tag for tag, _ in plain.elements]
    assert [sorted(attributes) for _, attributes in drawn.elements] == [
        sorted(attributes) for _, attributes in plain.elements
    ]
    assert drawn.text.count(hostile) == 3
    assert hostile in unescape(picture_html(picture))


@pytest.mark.parametrize("mood", [Mood.GOOD, Mood.WAIT, Mood.BAD])
def test_a_state_is_told_by_a_sign_and_not_by_colour_alone(mood: Mood) -> None:
    sign, style = mood.value
    html = picture_html(replace(PICTURE, queue=Node("Dead-letter queue", "not empty", "3 messages", mood)))

    assert f"{sign} not empty" in html
    assert f'class="pp-node {style} queue"' in html


def test_every_line_and_box_has_its_place_in_the_style_sheet() -> None:
    html = picture_html(PICTURE)
    style, _, body = html.partition("</style>")

    for _, attributes in Outline(body).elements:
        for name in (attributes.get("class") or "").split():
            assert f".{name}" in style or name in ("good", "wait", "bad", "plain", "to-queue"), name
