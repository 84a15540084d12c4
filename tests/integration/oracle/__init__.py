"""An independent recomputation of everything published, in plain Python from the raw files.

Belongs here: the decided cases (docs/adr/0003), read as written. Does not: anything imported from the code it judges.
"""
