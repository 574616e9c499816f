"""Reproduction: requests, links, reduction, verdicts. Empty until its issue is built."""
