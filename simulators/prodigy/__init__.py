"""A simulated SPECS Prodigy: its Remote In protocol over TCP, around any spectrometer."""

from simulators.prodigy.bench import BenchClock
from simulators.prodigy.desk import Desk
from simulators.prodigy.faults import Faults
from simulators.prodigy.server import ProdigyServer

__all__ = ["BenchClock", "Desk", "Faults", "ProdigyServer"]
