"""What to do: frozen models, units and the published protocols as YAML. Pure data."""
