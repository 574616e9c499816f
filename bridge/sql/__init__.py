"""What may run on a production database: limits, guard, parameters, driver styles. The one room with sqlglot."""
