"""Doing it: runs and their journal, procedures, interlocks, inline analysis, storage, pages."""
