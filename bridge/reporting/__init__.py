"""Findings to one document of typed nodes, and that to Markdown, Jira wiki markup and HTML. The one room with jinja2."""
