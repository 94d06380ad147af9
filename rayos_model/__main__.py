"""`python -m rayos_model` runs the command `rayos`."""

from rayos_model.cli.app import main

main()
