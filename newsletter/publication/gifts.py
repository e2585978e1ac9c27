"""The file for new readers: which kinds it may have, and the name under which it is stored."""

from hashlib import sha256
from pathlib import PurePosixPath

from django.core.exceptions import ValidationError
from django.utils.text import slugify
from django.utils.translation import gettext as _

GIFT_BYTES = 20 * 1024**2
STEM_MAX = 80  # characters
GIFT_TYPES = {".pdf": "application/pdf", ".epub": "application/epub+zip", ".mp3": "audio/mpeg", ".m4a": "audio/mp4"}


def suffix_of(head: bytes) -> str:
    """The suffix by the first bytes of a file; "" if it is nothing that can be given."""
    if head.startswith(b"%PDF-"):
        return ".pdf"
    if head.startswith(b"PK\x03\x04") and head[30:58] == b"mimetypeapplication/epub+zip":  # EPUB 3.3, section 4.2.3
        return ".epub"
    if head.startswith(b"ID3") or (head[:1] == b"\xff" and head[1:2] in {b"\xfb", b"\xf3", b"\xf2"}):
        return ".mp3"
    if head[4:12] in {b"ftypM4A ", b"ftypmp42", b"ftypisom"}:
        return ".m4a"
    return ""


def stored_name(data: bytes, name: str) -> str:
    """The name in the storage. Raises ValidationError."""
    suffix = suffix_of(data[:64])
    if not suffix:
        raise ValidationError(_("This is no PDF, EPUB, MP3 or M4A."))
    if len(data) > GIFT_BYTES:
        raise ValidationError(_("The file is larger than 20 MB."))
    stem = slugify(PurePosixPath(name.replace("\\", "/")).stem, allow_unicode=True)[:STEM_MAX].strip("-_")
    return f"{sha256(data).hexdigest()[:16]}/{stem or 'gift'}{suffix}"
