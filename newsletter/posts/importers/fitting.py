"""A post of another program made to fit into the columns of ours; what is cut is named. Pure."""

from dataclasses import replace

from newsletter.mail.characters import nfc, single_line, without_control
from newsletter.posts.importers.imported import ImportedPost, Rejected, Remark, TagPage
from newsletter.posts.models import BODY_MAX, TAG_NAME_MAX, tag_names

TITLE_MAX, SUMMARY_MAX, WORDS_MAX, SOURCE_MAX = 120, 200, 60, 200  # characters, as the columns of Post
UNTITLED = "(no title)"


def fitting(post: ImportedPost) -> ImportedPost:
    """Return `post` with every part in a form that can be kept. Raises Rejected when there is nothing to keep."""
    body = nfc(without_control(post.body)).strip()
    remarks = list(post.remarks)
    if not body and not post.title.strip():
        raise Rejected("it has no text")
    if len(body) > BODY_MAX:
        raise Rejected(f"it has {len(body):,} characters; at most {BODY_MAX:,} fit")
    if len(post.source) > SOURCE_MAX:
        raise Rejected(f"its name has {len(post.source)} characters; at most {SOURCE_MAX} fit")
    if not body:
        remarks.append(Remark("it has no text", is_loss=False))
    tags = _tags(post.tags, remarks)
    return replace(
        post,
        title=_cut("title", nfc(single_line(post.title)).strip() or UNTITLED, TITLE_MAX, remarks),
        words=post.words[:WORDS_MAX].strip("-"),
        summary=_cut("summary", nfc(single_line(post.summary)).strip(), SUMMARY_MAX, remarks),
        tags=tags,
        tag_pages=_pages(post.tag_pages, tags),
        body=body,
        remarks=tuple(remarks),
    )


def _cut(name: str, text: str, most: int, remarks: list[Remark]) -> str:
    if len(text) <= most:
        return text
    remarks.append(Remark(f"its {name} has {len(text)} characters, of which {most} fit", text))
    return text[: most - 1].rstrip() + "…"


def _pages(pages: tuple[TagPage, ...], tags: tuple[str, ...]) -> tuple[TagPage, ...]:
    """Return the pages of the tags that are kept, each under the name that its tag has here."""
    named = {name.casefold(): name for name in tags}
    keys = [" ".join(tag_names(page.name)).casefold() for page in pages]
    return tuple(replace(page, name=named[key]) for page, key in zip(pages, keys, strict=True) if key in named)


def _tags(names: tuple[str, ...], remarks: list[Remark]) -> tuple[str, ...]:
    found: list[str] = []
    for given in names:
        name = " ".join(tag_names(given))
        if len(name) > TAG_NAME_MAX:
            remarks.append(Remark(f"a tag of more than {TAG_NAME_MAX} characters stays away", name))
        elif name and name.casefold() not in {one.casefold() for one in found}:
            found.append(name)
    return tuple(found)
