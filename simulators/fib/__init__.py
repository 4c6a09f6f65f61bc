"""A FIB-SEM made of physics, with its cold stage and needle."""
