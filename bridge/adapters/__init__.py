"""Adapters: one file a product, behind the ports."""
