"""Strings to values: masks, symptoms, redaction, similarity, harmless terminal text."""
