"""The five test groups of the specification: soak, stress, failure, performance, integration."""
