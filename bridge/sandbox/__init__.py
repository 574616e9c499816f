"""A loopback tracker and help desk with state: for the demo, for newcomers and for tests."""
