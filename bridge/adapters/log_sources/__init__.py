"""Log sources: one module a product."""
