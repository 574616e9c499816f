"""Help desks: one file a product."""
