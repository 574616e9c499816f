"""The Jira-compatible tracker: REST v2, and v3 with ADF, in the personalities cloud and datacenter."""
