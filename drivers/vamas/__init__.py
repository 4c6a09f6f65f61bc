"""Files of ISO 14976, known as VAMAS: what is in them, and how they are read and written."""
