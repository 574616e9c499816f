"""The Zendesk-compatible help desk: /api/v2."""
