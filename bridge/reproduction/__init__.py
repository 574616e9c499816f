"""Reproduction: recordings, links between requests, reduction, verdicts, files to run."""
