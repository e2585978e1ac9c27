"""A glow of paper around a see-through logo: dark ink stays readable where a mail client turns the paper dark. Pure."""

from io import BytesIO

from newsletter.mail.colours import palette, parsed
from newsletter.publication.pictures import pillow
from newsletter.publication.pictures.pillow import Raster

PAPER = parsed(palette()["paper"].day)  # on which the glow is not seen by day
SHOWN_WIDTH, SHOWN_HEIGHT = 160, 36  # pixels at most, in a mail
GLOW = 2  # pixels as shown


def with_halo(data: bytes) -> bytes:
    """Return the PNG with a soft edge of paper around what is drawn; other pictures as they are."""
    image = pillow.Image.open(BytesIO(data))
    if image.mode != "RGBA" or _minimum(image) == 255:
        return data
    reach = max(round(GLOW * max(image.width / SHOWN_WIDTH, image.height / SHOWN_HEIGHT)), 1)
    wide = _padded(image, 2 * reach)
    grown = wide.getchannel("A").filter(pillow.ImageFilter.MaxFilter(2 * reach + 1))
    glow = pillow.Image.new("RGBA", wide.size, PAPER)
    glow.putalpha(grown.filter(pillow.ImageFilter.GaussianBlur(reach / 2)))
    out = BytesIO()
    pillow.Image.alpha_composite(glow, wide).save(out, "PNG", optimize=True)
    return out.getvalue()


def _minimum(image: Raster) -> float:
    lowest, _highest = image.getchannel("A").getextrema()
    return float(lowest)  # type: ignore[arg-type]  # one band has one pair


def _padded(image: Raster, margin: int) -> Raster:
    wide = pillow.Image.new("RGBA", (image.width + 2 * margin, image.height + 2 * margin), (*PAPER, 0))
    wide.paste(image, (margin, margin))
    return wide
