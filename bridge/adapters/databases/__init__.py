"""Databases: one file per product behind the port `Database`; what they share is in common.py."""
