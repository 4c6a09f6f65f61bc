"""Bluesky: instruments of a session as devices, and runs as event-model documents.

Nothing here imports Bluesky: its protocols are structural, so that it need not be installed.
"""

from acquire.bluesky.devices import Axis, Monitor, axes
from acquire.bluesky.documents import documents
from acquire.bluesky.measuring import Detector, Flyer

__all__ = ["Axis", "Detector", "Flyer", "Monitor", "axes", "documents"]
