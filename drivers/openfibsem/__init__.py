"""A FIB-SEM that OpenFIBSEM (the package fibsem) drives. fibsem is imported only when opened."""

from drivers.openfibsem.adapter import DEMO_DRIVER, DRIVER, OpenFibsem

__all__ = ["DEMO_DRIVER", "DRIVER", "OpenFibsem"]
