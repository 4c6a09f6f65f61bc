"""Instruments made of physics, behind the same interfaces as the real ones."""
