"""Systems that reproductions run on."""
