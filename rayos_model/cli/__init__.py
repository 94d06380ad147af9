"""The command `rayos`, one file per subcommand: it reads options, calls the package and prints the outcome."""
