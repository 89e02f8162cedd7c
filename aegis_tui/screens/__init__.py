"""Screens of the console: five views, the block dialog and two one-line questions."""
