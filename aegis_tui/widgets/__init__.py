"""Widgets of the console: all draw by lines, and all escape what they draw."""
