"""Potentiostats that speak MethodSCRIPT: PalmSens EmStat4, Nexus, EmStat Pico."""

from drivers.methodscript.potentiostat import DRIVER, MethodScriptPotentiostat

__all__ = ["DRIVER", "MethodScriptPotentiostat"]
