"""A simulated potentiostat that speaks MethodSCRIPT, with the simulated cell behind it."""
