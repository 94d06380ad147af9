"""RayOS system-integration testing: one scenario, two systems (a SimPy model and a real kernel), one form of run."""

__version__ = "0.1.0"
