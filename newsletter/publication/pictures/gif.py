"""Rewrite animated GIFs without comments, text, metadata (XMP) and trailing data. Pure.

Frames are copied without recompression; the loop count stays.

Source: CompuServe, Graphics Interchange Format, version 89a; Netscape's application block for loops.
"""

import struct
from dataclasses import dataclass, field

EXTENSION, IMAGE, TRAILER = 0x21, 0x2C, 0x3B
PLAIN_TEXT, GRAPHIC_CONTROL, APPLICATION = 0x01, 0xF9, 0xFF
LOOP_APPLICATIONS = {b"NETSCAPE2.0", b"ANIMEXTS1.0"}
HAS_PALETTE = 0x80
CONTROL_FLAGS_MASK = 0x1D  # disposal and transparency, without "wait for user input"
SUB_BLOCK_MAX = 255  # bytes


class GifError(ValueError):
    """Not a valid GIF."""


class TooManyFrames(ValueError):
    """More frames than frames_max."""


@dataclass(frozen=True)
class Frame:
    control: bytes  # flags, delay and transparent colour; may be empty
    descriptor: bytes  # left, top, width, height and flags
    palette: bytes
    code_size: bytes
    image_data: bytes

    @property
    def bottom_right(self) -> tuple[int, int]:
        """x and y of the bottom right corner."""
        left, top, width, height = struct.unpack("<HHHH", self.descriptor[:8])
        return left + width, top + height


@dataclass
class Gif:
    screen_descriptor: bytes  # width, height, flags, background, aspect
    palette: bytes
    loop_count: bytes = b""  # little-endian; empty: plays once
    frames: list[Frame] = field(default_factory=list)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, enlarged by frames beyond the screen, as decoders do."""
        corners = [struct.unpack("<HH", self.screen_descriptor[:4]), *(frame.bottom_right for frame in self.frames)]
        return max(x for x, _y in corners), max(y for _x, y in corners)


def read_gif(octets: bytes, *, frames_max: int) -> Gif:
    """Parse without decoding pixels. Raise GifError, or TooManyFrames above `frames_max`."""
    return _GifReader(octets, frames_max).parse()


def write_gif(gif: Gif) -> bytes:
    parts = [b"GIF89a", gif.screen_descriptor, gif.palette]
    if gif.loop_count:
        parts.append(bytes([EXTENSION, APPLICATION, 11]) + b"NETSCAPE2.0\x03\x01" + gif.loop_count + b"\x00")
    for frame in gif.frames:
        if frame.control:
            parts.append(bytes([EXTENSION, GRAPHIC_CONTROL, 4]) + frame.control + b"\x00")
        parts += [bytes([IMAGE]), frame.descriptor, frame.palette, frame.code_size, _to_sub_blocks(frame.image_data)]
    return b"".join([*parts, bytes([TRAILER])])


def _to_sub_blocks(octets: bytes) -> bytes:
    pieces = [octets[start : start + SUB_BLOCK_MAX] for start in range(0, len(octets), SUB_BLOCK_MAX)]
    return b"".join([bytes([len(piece)]) + piece for piece in pieces]) + b"\x00"


class _GifReader:
    def __init__(self, octets: bytes, frames_max: int) -> None:
        self.octets, self.frames_max = octets, frames_max
        self.position = 0
        self.control = b""

    def parse(self) -> Gif:
        if self._take(6) not in {b"GIF87a", b"GIF89a"}:
            raise GifError("not a GIF")
        screen_descriptor = self._take(7)
        self.gif = Gif(screen_descriptor, self._read_palette(screen_descriptor[4]))
        while self.position < len(self.octets) and (kind := self._take(1)[0]) != TRAILER:
            self._read_block(kind)
        return self.gif

    def _read_block(self, kind: int) -> None:
        if kind == EXTENSION:
            self._read_extension(self._take(1)[0])
        elif kind == IMAGE:
            self._read_image()
        elif kind:  # some encoders write zeros between blocks
            raise GifError(f"unknown block type {kind:#x}")

    def _read_extension(self, label: int) -> None:
        name, *rest = self._read_sub_blocks() or [b""]
        if label == GRAPHIC_CONTROL and len(name) == 4:
            self.control = bytes([name[0] & CONTROL_FLAGS_MASK]) + name[1:]
        elif (
            label == APPLICATION and name in LOOP_APPLICATIONS and rest and rest[0][:1] == b"\x01" and len(rest[0]) == 3
        ):
            self.gif.loop_count = rest[0][1:]
        elif label == PLAIN_TEXT:  # consumes the preceding control
            self.control = b""

    def _read_image(self) -> None:
        if len(self.gif.frames) >= self.frames_max:
            raise TooManyFrames
        descriptor = self._take(9)
        palette, code_size = self._read_palette(descriptor[8]), self._take(1)
        self.gif.frames.append(Frame(self.control, descriptor, palette, code_size, b"".join(self._read_sub_blocks())))
        self.control = b""  # a control applies to one frame

    def _read_palette(self, flags: int) -> bytes:
        return self._take(3 * 2 ** (1 + (flags & 7))) if flags & HAS_PALETTE else b""

    def _read_sub_blocks(self) -> list[bytes]:
        blocks = []
        while length := self._take(1)[0]:
            blocks.append(self._take(length))
        return blocks

    def _take(self, length: int) -> bytes:
        taken = self.octets[self.position : self.position + length]
        if len(taken) < length:
            raise GifError("unexpected end of data")
        self.position += length
        return taken
