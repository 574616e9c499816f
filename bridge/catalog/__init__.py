"""Investigations as data: load, check, list, test; the standard views they stand on."""
