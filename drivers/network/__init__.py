"""Instruments on other computers: a served lab, and the drivers that reach it over the network."""

from drivers.network.remote import DRIVER

__all__ = ["DRIVER"]
