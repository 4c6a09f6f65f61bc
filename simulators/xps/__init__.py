"""The simulated XPS spectrometer with its ion gun."""
