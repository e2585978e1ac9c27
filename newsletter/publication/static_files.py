"""Where collected static files are kept, and what their names are."""

from django.core.files import File
from django.core.files.base import ContentFile
from rcssmin import cssmin
from whitenoise.storage import CompressedManifestStaticFilesStorage


class MinifyingStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # WhiteNoise has no types
    """WhiteNoise's own; a sheet is kept without what only its authors need. Modules import others by their hashes."""

    support_js_module_import_aggregation = True

    def _save(self, name: str, content: File) -> str:  # type: ignore[type-arg]
        if name.endswith(".css"):
            content = ContentFile(cssmin(b"".join(content.chunks())))  # from its beginning: it may have been read
        saved: str = super()._save(name, content)
        return saved
