"""A photograph as a square, for the head of a letter. Pure."""

from io import BytesIO

from PIL import Image, ImageOps

from newsletter.mail.colours import palette, parsed

SIDE = 176  # pixels: sharp at 44 on the densest screens that read mail, and a few kilobytes
PAPER = parsed(palette()["paper"].day)


def squared(data: bytes) -> bytes:
    """Return the middle of a picture as a JPEG of SIDE pixels; what is see-through gets paper behind it."""
    image = Image.open(BytesIO(data)).convert("RGBA")
    ground = Image.new("RGBA", image.size, PAPER)
    opaque = Image.alpha_composite(ground, image).convert("RGB")
    out = BytesIO()
    ImageOps.fit(opaque, (SIDE, SIDE), Image.Resampling.LANCZOS).save(out, "JPEG", quality=88, optimize=True)
    return out.getvalue()
