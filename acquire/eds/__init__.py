"""Line scans and images at a STEM: procedures, inline analysis, interlocks, and their view."""
