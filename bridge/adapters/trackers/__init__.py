"""Trackers: one file a product."""
