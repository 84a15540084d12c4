"""Excel workbooks (.xlsx) as intake reads them: from the zip file to lines of delimited text.

Belongs here: the file format, and what a cell is read as. Does not: typing and judging records, which go on as text.
"""

from pipelines.intake.xlsx.columns import wanted
from pipelines.intake.xlsx.transcode import transcode

__all__ = ["transcode", "wanted"]
