"""Pages for people: the report of a run, its charts and its templates."""
