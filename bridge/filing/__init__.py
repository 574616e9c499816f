"""From a report to one issue, filed once and linked both ways."""
