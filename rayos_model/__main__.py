"""`python -m rayos_model` is the command `rayos`."""

from rayos_model.cli.app import main

main()
