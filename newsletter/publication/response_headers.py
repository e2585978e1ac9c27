"""Headers of every response and of static files, and the static files storage."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from wsgiref.headers import Headers

from django.core.files import File
from django.core.files.base import ContentFile
from django.core.files.storage import Storage
from rcssmin import cssmin
from whitenoise.storage import CompressedManifestStaticFilesStorage

# A static file opened as a page loads nothing and cannot be framed.
STATIC_HEADERS = {"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'", "X-Frame-Options": "DENY"}

# Denied to all pages, injected scripts and embedded players included. Only names that Chromium knows, because it warns
# of others on every page. Source: W3C Permissions Policy.
DENIED_FEATURES = (
    *("accelerometer", "browsing-topics", "camera", "clipboard-read", "display-capture", "geolocation", "gyroscope"),
    *("hid", "idle-detection", "local-fonts", "magnetometer", "microphone", "midi", "payment", "screen-wake-lock"),
    *("serial", "usb", "window-management", "xr-spatial-tracking"),
)
PERMISSIONS = ", ".join(f"{name}=()" for name in DENIED_FEATURES)


def add_static_headers(headers: Headers) -> None:
    for name, value in STATIC_HEADERS.items():
        headers[name] = value


SOURCES_FILE = "sources.json"  # in STATIC_ROOT: the digest of each file as it was before it was minified


def source_digest(storage: Storage, path: str) -> str:
    with storage.open(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class MinifyingStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # WhiteNoise has no types
    """WhiteNoise's storage with minified CSS; module scripts import each other by hashed names."""

    support_js_module_import_aggregation = True

    def _save(self, name: str, content: File) -> str:  # type: ignore[type-arg]
        if name.endswith(".css"):
            content = ContentFile(cssmin(b"".join(content.chunks())))  # chunks() seeks to the start
        saved: str = super()._save(name, content)
        return saved

    def post_process(
        self, paths: dict[str, tuple[Storage, str]], dry_run: bool = False, **options: Any
    ) -> Iterator[Any]:
        digests = {name: source_digest(storage, path) for name, (storage, path) in paths.items()}
        yield from super().post_process(paths, dry_run, **options)
        if not dry_run:
            (Path(self.location) / SOURCES_FILE).write_text(json.dumps(digests))

    def stored_name(self, name: str) -> str:
        """The name with its hash; without one if the files were not collected since it was added.

        A page without one style sheet is better than none, the error page included. The doctor says it.
        """
        try:
            return str(super().stored_name(name))
        except ValueError:
            return name
