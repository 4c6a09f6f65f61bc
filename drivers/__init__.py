"""How to ask an instrument: one interface each, vendors, codecs, clock, errors. No decisions."""
