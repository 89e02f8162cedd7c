"""The flow model: how it is trained and measured, and the trained file with its card."""
