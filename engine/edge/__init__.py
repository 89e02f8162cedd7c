"""Doors: the ways into the engine from outside the program."""
