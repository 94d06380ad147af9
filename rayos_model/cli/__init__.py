"""The command `rayos`: one file a command. A command reads options, calls the package and shows the outcome."""
