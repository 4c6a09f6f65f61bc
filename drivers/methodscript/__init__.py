"""Potentiostats that speak MethodSCRIPT: PalmSens EmStat4, Nexus, EmStat Pico."""
