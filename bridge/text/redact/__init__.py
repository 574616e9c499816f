"""Find what must not leave, and write labels in its place."""
