"""Icons, the halo around a logo, and the author's face as a square. Pure."""

from hashlib import sha256
from io import BytesIO

from PIL import Image, ImageDraw, ImageFilter, ImageOps

from newsletter.mail.colours import palette, parse_hex

DRAWING_VERSION = "1"
SIZES = (180, 192, 512)  # pixels: Apple's home screen, web app manifests
ICO_SIZES = [(16, 16), (32, 32), (48, 48)]
SUPERSAMPLING = 4  # for smooth edges
SAFE_SHARE = 0.8  # of the width: inside every system's mask
SVG_TEMPLATE = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="{accent}"/>'
    '<path d="M7 10.5h18v11.5H7zm.5.5 8.5 6.5 8.5-6.5" fill="none" stroke="{ink}" stroke-width="2"'
    ' stroke-linejoin="round"/></svg>\n'
)


def digest(accent: str, ink: str, logo: str) -> str:
    """8 hex characters that change with the icons. logo: its file name, which holds a hash."""
    return sha256("\0".join([DRAWING_VERSION, accent, ink, logo]).encode()).hexdigest()[:8]


def svg(accent: str, ink: str) -> str:
    return SVG_TEMPLATE.format(accent=accent, ink=ink)


def png(size: int, *, accent: str, ink: str, logo: bytes = b"", is_whole: bool = False) -> bytes:
    """is_whole: fill the corners, because the system applies its own mask."""
    out = BytesIO()
    _draw(size, accent, ink, logo, is_whole).save(out, "PNG", optimize=True)
    return out.getvalue()


def ico(*, accent: str, ink: str, logo: bytes = b"") -> bytes:
    """/favicon.ico, which browsers request even without a link."""
    out = BytesIO()
    _draw(max(ICO_SIZES)[0], accent, ink, logo, is_whole=False).save(out, "ICO", sizes=ICO_SIZES)
    return out.getvalue()


def _draw(size: int, accent: str, ink: str, logo: bytes, is_whole: bool) -> Image.Image:
    return _draw_logo(size, logo, is_whole) if logo else _draw_envelope(size, accent, ink, is_whole)


def _draw_logo(size: int, data: bytes, is_whole: bool) -> Image.Image:
    logo = Image.open(BytesIO(data)).convert("RGBA")
    room = round(size * SAFE_SHARE) if is_whole else size
    scale = min(room / logo.width, room / logo.height)
    width, height = (max(1, round(side * scale)) for side in logo.size)
    logo = logo.resize((width, height), Image.Resampling.LANCZOS)
    square = Image.new("RGBA", (size, size), palette()["paper"].light if is_whole else (0, 0, 0, 0))
    square.alpha_composite(logo, ((size - width) // 2, (size - height) // 2))
    return square


def _draw_envelope(size: int, accent: str, ink: str, is_whole: bool) -> Image.Image:
    """Draw SVG, in its units of 1/32."""
    unit = size * SUPERSAMPLING / 32
    image = Image.new("RGBA", (size * SUPERSAMPLING, size * SUPERSAMPLING), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    corner = 0 if is_whole else 7 * unit
    draw.rounded_rectangle((0, 0, size * SUPERSAMPLING - 1, size * SUPERSAMPLING - 1), corner, fill=accent)
    for line in (((7, 10.5), (25, 10.5), (25, 22), (7, 22), (7, 10.5), (8, 10.5)), ((7.5, 11), (16, 17.5), (24.5, 11))):
        points = [(x * unit, y * unit) for x, y in line]
        draw.line(points, fill=ink, width=round(2 * unit), joint="curve")
    return image.resize((size, size), Image.Resampling.LANCZOS)


PAPER = parse_hex(palette()["paper"].light)  # the halo is invisible on it
SHOWN_WIDTH, SHOWN_HEIGHT = 160, 36  # pixels at most, in a mail
HALO_PIXELS = 2  # as shown


def with_halo(data: bytes) -> bytes:
    """Add a soft halo of paper around a PNG with transparency; others are unchanged."""
    image = Image.open(BytesIO(data))
    if image.mode != "RGBA" or _lowest_alpha(image) == 255:
        return data
    reach = max(round(HALO_PIXELS * max(image.width / SHOWN_WIDTH, image.height / SHOWN_HEIGHT)), 1)
    wide = _with_margin(image, 2 * reach)
    grown = wide.getchannel("A").filter(ImageFilter.MaxFilter(2 * reach + 1))
    glow = Image.new("RGBA", wide.size, PAPER)
    glow.putalpha(grown.filter(ImageFilter.GaussianBlur(reach / 2)))
    out = BytesIO()
    Image.alpha_composite(glow, wide).save(out, "PNG", optimize=True)
    return out.getvalue()


def _lowest_alpha(image: Image.Image) -> float:
    lowest, _highest = image.getchannel("A").getextrema()
    return float(lowest)  # type: ignore[arg-type]  # one band has one pair


def _with_margin(image: Image.Image, margin: int) -> Image.Image:
    wide = Image.new("RGBA", (image.width + 2 * margin, image.height + 2 * margin), (*PAPER, 0))
    wide.paste(image, (margin, margin))
    return wide


FACE_PIXELS = 176  # sharp at 44 on dense screens


def square_crop(data: bytes) -> bytes:
    """Crop to a centred square JPEG; transparent pixels get the paper colour."""
    image = Image.open(BytesIO(data)).convert("RGBA")
    ground = Image.new("RGBA", image.size, PAPER)
    opaque = Image.alpha_composite(ground, image).convert("RGB")
    out = BytesIO()
    face = ImageOps.fit(opaque, (FACE_PIXELS, FACE_PIXELS), Image.Resampling.LANCZOS)
    face.save(out, "JPEG", quality=88, optimize=True)
    return out.getvalue()
