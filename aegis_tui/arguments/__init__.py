"""The parser of the command line: one file for each family of commands."""
