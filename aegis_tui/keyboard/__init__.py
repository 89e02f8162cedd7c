"""The command table, and what is made from it: keys, command line, help."""
