"""An open lab in a script or a notebook: plain calls, through the same door as a run's."""
