"""RayOS system-integration testing: one scenario, two systems (a SimPy model and a real kernel), one form of run.

`rayos_model.api` has everything the command does as functions.
"""

__version__ = "0.1.0"
