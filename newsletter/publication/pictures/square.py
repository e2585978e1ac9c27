"""A photograph as a square, for the head of a letter. Pure."""

from io import BytesIO

from newsletter.mail.colours import palette, parsed
from newsletter.publication.pictures import pillow

SIDE = 176  # pixels: sharp at 44 on the densest screens that read mail, and a few kilobytes
PAPER = parsed(palette()["paper"].day)


def squared(data: bytes) -> bytes:
    """Return the middle of a picture as a JPEG of SIDE pixels; what is see-through gets paper behind it."""
    image = pillow.Image.open(BytesIO(data)).convert("RGBA")
    ground = pillow.Image.new("RGBA", image.size, PAPER)
    opaque = pillow.Image.alpha_composite(ground, image).convert("RGB")
    out = BytesIO()
    pillow.ImageOps.fit(opaque, (SIDE, SIDE), pillow.Image.Resampling.LANCZOS).save(
        out, "JPEG", quality=88, optimize=True
    )
    return out.getvalue()
