"""Rewrite animated GIFs without comments, text, metadata (XMP) and trailing data. Pure.

Frames are copied without recompression; the loop count stays.

Source: CompuServe, Graphics Interchange Format, version 89a; Netscape's application block for loops.
"""

import struct
from dataclasses import dataclass, field

EXTENSION, IMAGE, TRAILER = 0x21, 0x2C, 0x3B
TEXT, CONTROL, APPLICATION = 0x01, 0xF9, 0xFF
LOOPING = {b"NETSCAPE2.0", b"ANIMEXTS1.0"}
HAS_PALETTE = 0x80
CONTROL_FLAGS = 0x1D  # disposal and transparency, without "wait for user input"
SUB_BLOCK_MAX = 255  # bytes


class GifError(ValueError):
    """Not a complete GIF."""


class TooManyFrames(ValueError):
    """More frames than frames_max."""


@dataclass(frozen=True)
class Frame:
    control: bytes  # flags, delay and transparent colour; may be empty
    place: bytes  # left, top, width, height and flags
    palette: bytes
    code_size: bytes
    pixels: bytes

    @property
    def corner(self) -> tuple[int, int]:
        """Right and bottom edge."""
        left, top, width, height = struct.unpack("<HHHH", self.place[:8])
        return left + width, top + height


@dataclass
class Gif:
    screen: bytes  # width, height, flags, background, aspect
    palette: bytes
    loops: bytes = b""  # loop count; empty: plays once
    frames: list[Frame] = field(default_factory=list)

    @property
    def size(self) -> tuple[int, int]:
        """The screen, extended by frames outside of it, as decoders do."""
        corners = [struct.unpack("<HH", self.screen[:4]), *(frame.corner for frame in self.frames)]
        return max(x for x, _y in corners), max(y for _x, y in corners)


def read_gif(octets: bytes, *, frames_max: int) -> Gif:
    """Parse without decoding pixels. Raise GifError, or TooManyFrames above `frames_max`."""
    return _GifReader(octets, frames_max).parse()


def write_gif(gif: Gif) -> bytes:
    parts = [b"GIF89a", gif.screen, gif.palette]
    if gif.loops:
        parts.append(bytes([EXTENSION, APPLICATION, 11]) + b"NETSCAPE2.0\x03\x01" + gif.loops + b"\x00")
    for frame in gif.frames:
        if frame.control:
            parts.append(bytes([EXTENSION, CONTROL, 4]) + frame.control + b"\x00")
        parts += [bytes([IMAGE]), frame.place, frame.palette, frame.code_size, _sub_blocks(frame.pixels)]
    return b"".join([*parts, bytes([TRAILER])])


def _sub_blocks(octets: bytes) -> bytes:
    pieces = [octets[start : start + SUB_BLOCK_MAX] for start in range(0, len(octets), SUB_BLOCK_MAX)]
    return b"".join([bytes([len(piece)]) + piece for piece in pieces]) + b"\x00"


class _GifReader:
    def __init__(self, octets: bytes, frames_max: int) -> None:
        self.octets, self.frames_max = octets, frames_max
        self.at = 0
        self.control = b""

    def parse(self) -> Gif:
        if self._take(6) not in {b"GIF87a", b"GIF89a"}:
            raise GifError("no GIF")
        screen = self._take(7)
        self.gif = Gif(screen, self._palette(screen[4]))
        while self.at < len(self.octets) and (kind := self._take(1)[0]) != TRAILER:
            self._block(kind)
        return self.gif

    def _block(self, kind: int) -> None:
        if kind == EXTENSION:
            self._extension(self._take(1)[0])
        elif kind == IMAGE:
            self._image()
        elif kind:  # some encoders write zeros between blocks
            raise GifError(f"a block of kind {kind:#x}")

    def _extension(self, label: int) -> None:
        name, *rest = self._sub_blocks() or [b""]
        if label == CONTROL and len(name) == 4:
            self.control = bytes([name[0] & CONTROL_FLAGS]) + name[1:]
        elif label == APPLICATION and name in LOOPING and rest and rest[0][:1] == b"\x01" and len(rest[0]) == 3:
            self.gif.loops = rest[0][1:]
        elif label == TEXT:  # consumes the preceding control
            self.control = b""

    def _image(self) -> None:
        if len(self.gif.frames) >= self.frames_max:
            raise TooManyFrames
        place = self._take(9)
        palette, code_size = self._palette(place[8]), self._take(1)
        self.gif.frames.append(Frame(self.control, place, palette, code_size, b"".join(self._sub_blocks())))
        self.control = b""  # a control applies to one frame

    def _palette(self, flags: int) -> bytes:
        return self._take(3 * 2 ** (1 + (flags & 7))) if flags & HAS_PALETTE else b""

    def _sub_blocks(self) -> list[bytes]:
        found = []
        while length := self._take(1)[0]:
            found.append(self._take(length))
        return found

    def _take(self, length: int) -> bytes:
        taken = self.octets[self.at : self.at + length]
        if len(taken) < length:
            raise GifError("it ends too early")
        self.at += length
        return taken
