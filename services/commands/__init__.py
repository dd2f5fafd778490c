"""The subcommands of `terroir`. Each imports the part it starts when it is called: `terroir --help` stays quick."""
