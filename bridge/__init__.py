"""Bridge: from escalated support tickets to one filed, linked, evidence-backed bug report."""

__version__ = "0.1.0"
