"""The demo company: deterministic data with a planted truth, and the workspaces of `bridge demo`."""
