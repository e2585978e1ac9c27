"""What became of Markdown: rendered when it is saved or first seen, and kept."""

import re
from collections.abc import Iterable
from hashlib import sha256

from django.core.cache import caches
from django.db import models
from django.utils import translation
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _

from newsletter.mail.salutations import without_names
from newsletter.posts.markdown import RENDERER_VERSION, render
from newsletter.posts.models.images import Image
from newsletter.posts.text import measures
from newsletter.publication.models import Publication

CACHED_SECONDS = 24 * 3600  # the table has it for good


class RenderingQuerySet(models.QuerySet["Rendering"]):
    def of(self, sources: Iterable[str]) -> dict[str, "Rendering"]:
        """Return each text with its rendering: from the cache, else by one query, else made and kept."""
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

    def leave(self, source: str) -> None:
        """Take a text out of this process's memory, where thousands written in a row would push out the others."""
        caches["pages"].delete(rendering_key(source, Publication.objects.current().language))

    def outdated(self) -> "RenderingQuerySet":
        """Return what another renderer made: nothing asks for it any more."""
        return self.exclude(renderer=RENDERER_VERSION)

    def forget(self) -> None:
        """Delete these, in the cache too; what is asked for again is made anew."""
        caches["pages"].delete_many(list(self.values_list("pk", flat=True)))
        self.delete()


class Rendering(models.Model):
    """A text as HTML and its measures, kept so that no page view renders Markdown."""

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

    @classmethod
    def make(cls, key: str, source: str) -> "Rendering":
        """Render `source`; the row is not saved yet."""
        html = rendered_anew(source)
        return cls(
            key=key,
            renderer=RENDERER_VERSION,
            html=html,
            excerpt=measures.excerpt(html),
            han_count=measures.han_count(html),
            word_count=measures.word_count(html),
        )


def rendering_key(source: str, language: str) -> str:
    """Return what `source` is kept under. The titles of footnotes are in the readers' language."""
    return sha256(f"{RENDERER_VERSION}\n{language}\n{source}".encode()).hexdigest()


def rendered_anew(source: str) -> SafeString:
    """Return Markdown as sanitised HTML for the web, without keeping it: for a text that changes at every key."""
    digests = re.findall(r"/media/([0-9a-f]{16})/", source)
    pictures = Image.objects.filter(digest__in=digests) if digests else ()
    sizes = {picture.get_absolute_url(): (picture.width, picture.height) for picture in pictures}
    return mark_safe(render.render(source, sizes=sizes))  # noqa: S308  # nosec B308, B703  # sanitised by the renderer


def rendered(source: str) -> SafeString:
    """Return Markdown as sanitised HTML for the web, where nobody has a name; the same text is rendered once."""
    return mark_safe(without_names(Rendering.objects.of([source])[source].html))  # noqa: S308  # nosec B308, B703  # sanitised by the renderer
