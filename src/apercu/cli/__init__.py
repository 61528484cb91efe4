"""The command `apercu`: one file per subcommand, which parses and prints and leaves the work to the package."""
