"""Rewrite animated GIFs without comments, text, metadata (XMP) and trailing data. Pure.

Frames are copied without recompression; the loop count stays.

Source: CompuServe, Graphics Interchange Format, version 89a; Netscape's application block for loops.
"""

import struct
from dataclasses import dataclass, field

EXTENSION, IMAGE, TRAILER = 0x21, 0x2C, 0x3B
GRAPHIC_CONTROL, APPLICATION, PLAIN_TEXT = 0xF9, 0xFF, 0x01
LOOP_APPLICATIONS = (b"\x0bNETSCAPE2.0", b"\x0bANIMEXTS1.0")
LOOP_LENGTH = 17  # bytes of the application's name, the count and the end of the block
HAS_PALETTE = 0x80
CONTROL_FLAGS_MASK = 0x1D  # disposal and transparency, without "wait for user input"


class GifError(ValueError):
    """Not a valid GIF."""


class TooManyFrames(ValueError):
    """More frames than frames_max."""


@dataclass
class StrippedGif:
    """corners: of the screen, and the bottom right one of each frame, as x and y."""

    blocks: list[bytes]
    corners: list[tuple[int, int]] = field(default_factory=list)

    @property
    def data(self) -> bytes:
        return b"".join([*self.blocks, bytes([TRAILER])])

    @property
    def frame_count(self) -> int:
        return len(self.corners) - 1

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, enlarged by frames beyond the screen, as decoders do."""
        return max(x for x, _y in self.corners), max(y for _x, y in self.corners)


def strip_gif(octets: bytes, *, frames_max: int) -> StrippedGif:
    """Parse without decoding pixels. Raise GifError, or TooManyFrames above `frames_max`."""
    reader = _BlockReader(octets)
    if reader.take(6) not in {b"GIF87a", b"GIF89a"}:
        raise GifError("not a GIF")
    screen = reader.take(7)
    stripped = StrippedGif([b"GIF89a", screen, reader.palette(screen[4])], [struct.unpack("<HH", screen[:4])])
    control = b""
    while reader.position < len(octets) and (kind := reader.take(1)[0]) != TRAILER:
        if kind == EXTENSION:
            control = _extension(reader, stripped, control)
        elif kind == IMAGE:
            if stripped.frame_count >= frames_max:
                raise TooManyFrames
            stripped.blocks += [control, _frame(reader, stripped)]
            control = b""  # a control applies to one frame
        elif kind:  # some encoders write zeros between blocks
            raise GifError(f"unknown block type {kind:#x}")
    return stripped


def _extension(reader: "_BlockReader", stripped: StrippedGif, control: bytes) -> bytes:
    """Keep a loop count; return the control of the next frame."""
    label, content = reader.take(1)[0], reader.sub_blocks()
    if label == GRAPHIC_CONTROL and content[:1] == b"\x04":
        return bytes([EXTENSION, label, 4, content[1] & CONTROL_FLAGS_MASK]) + content[2:5] + b"\0"
    if label == APPLICATION and content.startswith(LOOP_APPLICATIONS) and content[12:14] == b"\x03\x01":
        stripped.blocks.append(bytes([EXTENSION, label]) + content[: LOOP_LENGTH - 1] + b"\0")
    return b"" if label == PLAIN_TEXT else control  # a text consumes the control


def _frame(reader: "_BlockReader", stripped: StrippedGif) -> bytes:
    begin = reader.position
    left, top, width, height, flags = struct.unpack("<HHHHB", reader.take(9))
    stripped.corners.append((left + width, top + height))
    reader.palette(flags)
    reader.take(1)  # code size
    reader.sub_blocks()
    return bytes([IMAGE]) + reader.octets[begin : reader.position]


class _BlockReader:
    def __init__(self, octets: bytes) -> None:
        self.octets, self.position = octets, 0

    def take(self, length: int) -> bytes:
        taken = self.octets[self.position : self.position + length]
        if len(taken) < length:
            raise GifError("unexpected end of data")
        self.position += length
        return taken

    def palette(self, flags: int) -> bytes:
        return self.take(3 * 2 ** (1 + (flags & 7))) if flags & HAS_PALETTE else b""

    def sub_blocks(self) -> bytes:
        """With their lengths and the zero behind the last."""
        begin = self.position
        while length := self.take(1)[0]:
            self.take(length)
        return self.octets[begin : self.position]
