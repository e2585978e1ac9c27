"""The tables of posts: what is written, its pictures, and what became of its Markdown."""

from newsletter.posts.models.images import Image
from newsletter.posts.models.posts import (
    BODY_MAX,
    BY_DATES,
    TAG_NAME_MAX,
    Post,
    PostQuerySet,
    SearchDocument,
    Tag,
    TagQuerySet,
    tag_names,
    with_renderings,
)
from newsletter.posts.models.renderings import Rendering

__all__ = [
    "BODY_MAX",
    "BY_DATES",
    "TAG_NAME_MAX",
    "Image",
    "Post",
    "PostQuerySet",
    "Rendering",
    "SearchDocument",
    "Tag",
    "TagQuerySet",
    "tag_names",
    "with_renderings",
]
