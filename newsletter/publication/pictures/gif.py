"""Moving GIFs, written anew frame by frame: what is seen stays as it is, and nothing else is kept. Pure.

Comments, texts, metadata of programs (XMP) and what stands behind the end are left out; how often it plays stays.
The frames' compressed pixels are not packed anew, so nothing is lost.

Source: CompuServe, Graphics Interchange Format, version 89a; Netscape's application block for loops.
"""

import struct
from dataclasses import dataclass, field

EXTENSION, IMAGE, TRAILER = 0x21, 0x2C, 0x3B
TEXT, CONTROL, APPLICATION = 0x01, 0xF9, 0xFF
LOOPING = {b"NETSCAPE2.0", b"ANIMEXTS1.0"}
HAS_PALETTE = 0x80
HOW_TO_DISPOSE_AND_CLEAR = 0x1D  # of a control's flags; not "wait for the user", by which a frame would stand still
SUB_BLOCK_MAX = 255  # bytes


class GifError(ValueError):
    """The octets are no whole GIF."""


class TooManyFrames(ValueError):
    """There are more frames than were asked for."""


@dataclass(frozen=True)
class Frame:
    control: bytes  # flags, delay and the clear colour; empty where the file has none
    place: bytes  # left, top, width, height and flags
    palette: bytes
    code_size: bytes
    pixels: bytes

    @property
    def corner(self) -> tuple[int, int]:
        """Return the first column and row behind it."""
        left, top, width, height = struct.unpack("<HHHH", self.place[:8])
        return left + width, top + height


@dataclass
class Gif:
    screen: bytes  # width, height, flags, background, aspect
    palette: bytes
    loops: bytes = b""  # how often it plays; empty where the file does not say so: once
    frames: list[Frame] = field(default_factory=list)

    @property
    def size(self) -> tuple[int, int]:
        """Return width and height of what is drawn on: programs widen it for a frame that leaves it."""
        corners = [struct.unpack("<HH", self.screen[:4]), *(frame.corner for frame in self.frames)]
        return max(x for x, _y in corners), max(y for _x, y in corners)


def read(octets: bytes, *, frames_max: int) -> Gif:
    """Return what a GIF shows, without decoding it. Raise GifError, or TooManyFrames above `frames_max`."""
    return _Reader(octets, frames_max).read()


def written(gif: Gif) -> bytes:
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


class _Reader:
    def __init__(self, octets: bytes, frames_max: int) -> None:
        self.octets, self.frames_max = octets, frames_max
        self.at = 0
        self.control = b""

    def read(self) -> Gif:
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
        elif kind:  # some programs write zeros between blocks
            raise GifError(f"a block of kind {kind:#x}")

    def _extension(self, label: int) -> None:
        name, *rest = self._sub_blocks() or [b""]
        if label == CONTROL and len(name) == 4:
            self.control = bytes([name[0] & HOW_TO_DISPOSE_AND_CLEAR]) + name[1:]
        elif label == APPLICATION and name in LOOPING and rest and rest[0][:1] == b"\x01" and len(rest[0]) == 3:
            self.gif.loops = rest[0][1:]
        elif label == TEXT:  # which takes the control before it
            self.control = b""

    def _image(self) -> None:
        if len(self.gif.frames) >= self.frames_max:
            raise TooManyFrames
        place = self._take(9)
        palette, code_size = self._palette(place[8]), self._take(1)
        self.gif.frames.append(Frame(self.control, place, palette, code_size, b"".join(self._sub_blocks())))
        self.control = b""  # a control is for one frame

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
