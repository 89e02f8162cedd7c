"""The last steps to the terminal: what is sent, and what never is."""
