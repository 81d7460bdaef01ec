"""Screenshots made small without losing a pixel: a browser's PNG filters suit photographs, not flat colours."""

import struct
import zlib
from collections.abc import Iterator

import numpy as np

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def smaller(png: bytes) -> bytes:
    """The same 8-bit RGB picture with unfiltered lines (PNG specification, W3C, section 9)."""
    parts = list(chunks(png))
    header = parts[0][1]
    packed = b"".join(content for kind, content in parts if kind == b"IDAT")
    width, height, *rest = struct.unpack(">IIBBBBB", header)
    assert rest == [8, 2, 0, 0, 0], "expected 8-bit RGB, not interlaced"
    pixels = unfiltered(zlib.decompress(packed), width, height)
    plain = np.zeros((height, 1 + 3 * width), np.uint8)  # each line begins with its filter: none
    plain[:, 1:] = pixels
    content = zlib.compress(plain.tobytes(), 9)
    return SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", content) + chunk(b"IEND", b"")


def chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(SIGNATURE)
    while at < len(png):
        length, kind = struct.unpack(">I4s", png[at : at + 8])
        yield kind, png[at + 8 : at + 8 + length]
        at += 12 + length


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def unfiltered(lines: bytes, width: int, height: int) -> np.ndarray:
    """uint8[height, 3 * width]: the bytes of each line with its filter undone."""
    filtered = np.frombuffer(lines, np.uint8).reshape(height, 1 + 3 * width)
    above = [0] * (3 * width)
    pixels = np.zeros((height, 3 * width), np.uint8)
    for number, line in enumerate(filtered.tolist()):
        kind, now = line[0], line[1:]
        for place in range(3 * width) if kind else ():
            left = now[place - 3] if place > 2 else 0
            corner = above[place - 3] if place > 2 else 0
            up = above[place]
            guess = paeth(left, up, corner) if kind == 4 else (0, left, up, (left + up) // 2)[kind]
            now[place] = (now[place] + guess) & 255
        pixels[number] = above = now
    return pixels


def paeth(left: int, up: int, corner: int) -> int:
    wanted = left + up - corner
    return min((left, up, corner), key=lambda one: abs(one - wanted))
