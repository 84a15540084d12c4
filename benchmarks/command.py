"""The `tierline` command as a module, so that a benchmark runs it with its own Python.

Belongs here: nothing more.
"""

from pipelines.cli import main

if __name__ == "__main__":
    main()
