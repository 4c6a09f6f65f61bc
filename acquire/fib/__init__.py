"""Cryo-FIB lift-out: its procedure, what it measures from images, its interlocks."""
