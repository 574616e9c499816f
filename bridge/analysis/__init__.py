"""From evidence tables to findings: pure functions over pyarrow tables and numpy, no ports."""
