"""SQL as text: one SELECT a file, one output table, named like its folder and file. No Python lives here."""
