"""The allow-lists as data: `nodes.txt` and `typed.txt` for every dialect, `<dialect>.txt` for its functions.

A list holds names separated by white space, `#` begins a comment, `[section]` begins a section; what stands
before the first section is the section `functions`.
"""
