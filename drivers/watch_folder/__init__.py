"""XPS spectrometers that only exchange files: VAMAS files come in, a trigger file goes out."""

from drivers.watch_folder.spectrometer import DRIVER

__all__ = ["DRIVER"]
