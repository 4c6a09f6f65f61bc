"""A grey picture as a PNG that a page carries within itself."""

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


def grey(pixels: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Return an image of any kind of numbers as 8-bit grey, stretched between its percentiles."""
    factor = -(-max(pixels.shape) // LARGEST)
    down, right = (min(factor, size) for size in pixels.shape)
    rows, columns = pixels.shape[0] // down, pixels.shape[1] // right
    block = pixels[: rows * down, : columns * right].astype(np.float64)
    if factor > 1:
        block = block.reshape(rows, down, columns, right).mean(axis=(1, 3))
    known = block[np.isfinite(block)]
    low, high = np.percentile(known, CLIPPED) if known.size else (0.0, 0.0)
    shown = np.nan_to_num((block - low) / max(high - low, 1e-300), nan=0.0)
    return (np.clip(shown, 0.0, 1.0) * 255).astype(np.uint8)


def png(picture: npt.NDArray[np.uint8]) -> bytes:
    """Return an 8-bit grey picture, shape (rows, columns), as a PNG file.

    Source: W3C PNG specification, 3rd edition: signature, IHDR, IDAT, IEND; filter 0 on each row.
    """
    rows, columns = picture.shape

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    header = struct.pack(">IIBBBBB", columns, rows, 8, 0, 0, 0, 0)
    filtered = np.pad(picture, ((0, 0), (1, 0)))
    body = zlib.compress(filtered.tobytes(), 6)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    )


def data_uri(pixels: npt.NDArray[Any]) -> str:
    """Return the image as a `data:` URI."""
    return "data:image/png;base64," + base64.b64encode(png(grey(pixels))).decode("ascii")
