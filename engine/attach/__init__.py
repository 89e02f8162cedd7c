"""Consoles attached to an engine that runs without one: what is sent, who decides, and both ends of the socket."""
