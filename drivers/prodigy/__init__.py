"""An XPS spectrometer and its ion gun behind SPECS Prodigy."""

from drivers.prodigy.spectrometer import DRIVER, ProdigyXps

__all__ = ["DRIVER", "ProdigyXps"]
