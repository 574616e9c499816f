"""A small reporting product under /product, with the demo's defect planted: what `bridge reproduce` runs against."""
