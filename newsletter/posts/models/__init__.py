"""Posts, their images, rendered HTML, revisions and redirects."""

from newsletter.posts.models.images import Image
from newsletter.posts.models.posts import (
    BODY_MAX,
    DATES_INDEX_HINT,
    LISTED_SQL,
    SERIES_TITLE_MAX,
    TAG_NAME_MAX,
    UPLOAD_MARK,
    Post,
    PostQuerySet,
    SearchDocument,
    Series,
    Tag,
    TagQuerySet,
    attach_covers,
    attach_renderings,
    parse_tag_names,
)
from newsletter.posts.models.redirects import Redirect
from newsletter.posts.models.renderings import Rendering
from newsletter.posts.models.revisions import Pattern, Revision, WorkingCopy
