"""XPS depth profiles: lines that appear, fall and go from etch to etch, and where."""
