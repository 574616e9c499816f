"""Which issue is about the same thing: exact signals first, then words."""
