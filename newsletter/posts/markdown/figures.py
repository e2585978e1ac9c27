"""Pictures: one that stands alone becomes a figure, with its title as the caption."""

from collections.abc import Mapping
from xml.etree.ElementTree import Element, SubElement

from markdown import Markdown
from markdown.treeprocessors import Treeprocessor


class Figures(Treeprocessor):
    """Make a figure of every paragraph that is a single picture, linked or not."""

    def run(self, root: Element) -> None:
        """Change the tree in place."""
        for paragraph in root.iter("p"):
            picture = _lone_picture(paragraph)
            if picture is not None:
                _make_figure(paragraph, picture)


def _lone_picture(paragraph: Element) -> Element | None:
    """Return the `img` that is all of `paragraph`, itself or inside one link."""
    if (paragraph.text or "").strip() or len(paragraph) != 1 or (paragraph[0].tail or "").strip():
        return None
    child = paragraph[0]
    if child.tag == "a" and len(child) == 1 and not (child.text or "").strip() and not (child[0].tail or "").strip():
        child = child[0]
    return child if child.tag == "img" else None


def _make_figure(paragraph: Element, picture: Element) -> None:
    paragraph.tag = "figure"
    paragraph.text = paragraph[0].tail = None
    caption = picture.attrib.pop("title", "")
    if caption:
        SubElement(paragraph, "figcaption").text = caption


class Sizes(Treeprocessor):
    """Write the width and height of pictures that are known, so that text does not jump as they load."""

    def __init__(self, md: Markdown, sizes: Mapping[str, tuple[int, int]]) -> None:
        super().__init__(md)
        self.sizes = sizes

    def run(self, root: Element) -> None:
        """Set the attributes in place."""
        for picture in root.iter("img"):
            size = self.sizes.get(picture.get("src", ""))
            if size:
                picture.set("width", str(size[0]))
                picture.set("height", str(size[1]))
