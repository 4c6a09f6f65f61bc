"""A grey or coloured picture as a PNG that a page carries within itself."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

LARGEST = 1024
"""Pixels along the longer side; a larger image is averaged down."""
CLIPPED = (0.5, 99.5)
"""Percentiles shown black and white."""


def grey(pixels: npt.NDArray[Any], largest: int = LARGEST) -> npt.NDArray[np.uint8]:
    """Return an image of any kind of numbers as 8-bit grey, stretched between its percentiles."""
    factor = -(-max(pixels.shape) // largest)
    down, right = (min(factor, size) for size in pixels.shape)
    rows, columns = pixels.shape[0] // down, pixels.shape[1] // right
    block = pixels[: rows * down, : columns * right].astype(np.float64)
    if factor > 1:
        block = block.reshape(rows, down, columns, right).mean(axis=(1, 3))
    known = block[np.isfinite(block)]
    low, high = np.percentile(known, CLIPPED) if known.size else (0.0, 0.0)
    shown = np.nan_to_num((block - low) / max(high - low, 1e-300), nan=0.0)
    return (np.clip(shown, 0.0, 1.0) * 255).astype(np.uint8)


def png(picture: npt.NDArray[np.uint8], palette: npt.NDArray[np.uint8] | None = None) -> bytes:
    """Return an 8-bit picture, shape (rows, columns), as a PNG file.

    It is grey, or coloured by `palette`: red, green and blue of each value, shape (256, 3).
    Source: W3C PNG specification, 3rd edition: signature, IHDR, PLTE, IDAT, IEND; filter 0 on each
    row.
    """
    rows, columns = picture.shape

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    kind = 0 if palette is None else 3
    header = struct.pack(">IIBBBBB", columns, rows, 8, kind, 0, 0, 0)
    colours = b"" if palette is None else chunk(b"PLTE", palette.tobytes())
    filtered = np.pad(picture, ((0, 0), (1, 0)))
    body = zlib.compress(filtered.tobytes(), 6)
    data, end = chunk(b"IDAT", body), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + colours + data + end


def data_uri(pixels: npt.NDArray[Any]) -> str:
    """Return the image, in grey, as a `data:` URI."""
    return _uri(png(grey(pixels)))


def small_uri(pixels: npt.NDArray[Any], largest: int, gamma: float) -> str:
    """Return the image as a `data:` URI, small in pixels and in bytes: 64 greys.

    Grey is the brightness to the power of `gamma`: below 1 what is dark shows too. Noise does not
    compress; the two bits that a small picture does not show are half its noise.
    """
    shown = (grey(pixels, largest) / 255.0) ** gamma * 255.0
    return _uri(png(shown.astype(np.uint8) & np.uint8(0xFC)))


def coloured_uri(picture: npt.NDArray[np.uint8], palette: npt.NDArray[np.uint8]) -> str:
    """Return a picture in the colours of `palette` as a `data:` URI."""
    return _uri(png(picture, palette))


def _uri(file: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(file).decode("ascii")
