"""Rendered Markdown, cached in the database: made on save or first view."""

import re
from collections.abc import Iterable
from hashlib import sha256

from django.core.cache import caches
from django.db import models
from django.utils import translation
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _

from newsletter.mail.salutations import fill_name_slots_with_fallbacks
from newsletter.posts.markdown import RENDERER_VERSION, render
from newsletter.posts.models.images import Image
from newsletter.posts.text import prose
from newsletter.publication.models import Publication

CACHED_SECONDS = 24 * 3600  # in memory; the table keeps it


class RenderingQuerySet(models.QuerySet["Rendering"]):
    def for_sources(self, sources: Iterable[str]) -> dict[str, "Rendering"]:
        """Renderings by source text: from the cache, else by one query, else rendered and stored."""
        language = Publication.objects.current().language
        keys = {rendering_key(source, language): source for source in sources}
        found: dict[str, Rendering] = caches["pages"].get_many(keys)
        if missing := keys.keys() - found.keys():
            stored = self.in_bulk(missing)
            with translation.override(language):
                made = {key: Rendering.make(key, keys[key]) for key in missing - stored.keys()}
            self.bulk_create(made.values(), ignore_conflicts=True)  # another process may have made it too
            caches["pages"].set_many(stored | made, CACHED_SECONDS)
            found |= stored | made
        return {source: found[key] for key, source in keys.items()}

    def evict(self, source: str) -> None:
        """Drop a text from the memory cache, so that a bulk write does not push out the others."""
        caches["pages"].delete(rendering_key(source, Publication.objects.current().language))

    def outdated(self) -> "RenderingQuerySet":
        return self.exclude(renderer=RENDERER_VERSION)

    def purge(self) -> None:
        """Delete the rows, from the cache too."""
        caches["pages"].delete_many(list(self.values_list("pk", flat=True)))
        self.delete()


class Rendering(models.Model):
    """HTML and length of a text, so that no page view renders Markdown."""

    key = models.CharField(max_length=64, primary_key=True)
    renderer = models.CharField(max_length=20)
    html = models.TextField()
    excerpt = models.TextField(blank=True)
    han_count = models.PositiveIntegerField()
    word_count = models.PositiveIntegerField()
    made_at = models.DateTimeField(auto_now_add=True)

    objects = RenderingQuerySet.as_manager()

    class Meta:
        verbose_name = _("rendering")
        verbose_name_plural = _("renderings")

    def __str__(self) -> str:
        return self.key

    @property
    def length_text(self) -> str:
        return prose.length_text(self.han_count, self.word_count)

    @classmethod
    def make(cls, key: str, source: str) -> "Rendering":
        html = render_uncached(source)
        return cls(
            key=key,
            renderer=RENDERER_VERSION,
            html=html,
            excerpt=prose.excerpt(html),
            han_count=prose.han_count(html),
            word_count=prose.word_count(html),
        )


def rendering_key(source: str, language: str) -> str:
    """The primary key. Depends on the language, because footnotes have translated titles."""
    return sha256(f"{RENDERER_VERSION}\n{language}\n{source}".encode()).hexdigest()


def render_uncached(source: str) -> SafeString:
    """Render sanitised web HTML without reading or writing the cache."""
    digests = re.findall(r"/media/([0-9a-f]{16})/", source)
    pictures = Image.objects.filter(digest__in=digests) if digests else ()
    sizes = {picture.get_absolute_url(): (picture.width, picture.height) for picture in pictures}
    return mark_safe(render.render(source, sizes=sizes))  # noqa: S308  # nosec B308, B703  # sanitised by the renderer


def render_cached(source: str) -> SafeString:
    """Sanitised web HTML without name slots; stored, so each text is rendered once."""
    return mark_safe(fill_name_slots_with_fallbacks(Rendering.objects.for_sources([source])[source].html))  # noqa: S308  # nosec B308, B703  # sanitised by the renderer
