"""Screens of the console: the views, the dialogs over them, and questions on the last lines."""
