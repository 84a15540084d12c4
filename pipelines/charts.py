"""Small pictures for the web UI, drawn as SVG so that they show offline.

Belongs here: charts in asset metadata. Does not: what is counted.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from html import escape

import dagster as dg

_COLOURS = ("#1b6ca8", "#3fa796", "#f0a500", "#cf4647", "#7a5195")
_WIDTH, _ROW, _LABEL = 560, 34, 130


def bar_chart(title: str, counts: Mapping[str, int]) -> dg.MetadataValue:
    """Horizontal bars with count and share, in the order given, as Markdown that embeds the SVG."""
    largest, total = max(counts.values(), default=0) or 1, sum(counts.values()) or 1
    rows = []
    for i, (name, count) in enumerate(counts.items()):
        top = 40 + i * _ROW
        colour = _COLOURS[i % len(_COLOURS)]
        width = (_WIDTH - _LABEL - 150) * count / largest
        rows.append(
            f'<text x="{_LABEL - 10}" y="{top + 17}" text-anchor="end">{escape(name)}</text>'
            f'<rect x="{_LABEL}" y="{top}" width="{width:.1f}" height="24" rx="3" fill="{colour}"/>'
            f'<text x="{_LABEL + width + 8:.1f}" y="{top + 17}">{count:,} ({count / total:.1%})</text>'
        )
    height = 52 + len(counts) * _ROW
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
        f'font-family="sans-serif" font-size="14"><rect width="100%" height="100%" fill="#ffffff"/>'
        f'<text x="12" y="24" font-size="16" font-weight="bold">{escape(title)}</text>{"".join(rows)}</svg>'
    )
    encoded = base64.b64encode(svg.encode()).decode()
    return dg.MetadataValue.md(f"![{title}](data:image/svg+xml;base64,{encoded})")
