"""The user's own documents: read apart from the program, split, embedded, stored and searched."""
