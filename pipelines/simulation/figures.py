"""Charts of the simulation's page as inline SVG: no script, no font, no file of their own.

Belongs here: shapes and their words. Does not: what is counted (result.py), colours (page.html.j2 knows the classes).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from html import escape
from itertools import accumulate

Number = int | Decimal
_WIDTH, _VALUES = 560, 96
_LABEL_LETTERS = 22


def paired_bars(
    title: str, rows: Sequence[tuple[str, Number | None, Number | None]], said: Callable[[Number], str]
) -> str:
    """Two bars a row, before and after, on one scale; None draws nothing. `said` words a number."""
    largest = max((value for _, *values in rows for value in values if value is not None), default=0) or 1
    labels, shapes = _label_width([_short(label) for label, *_ in rows]), []
    for i, (label, *values) in enumerate(rows):
        top = 8 + i * 58
        shapes.append(_text(labels - 12, top + 26, _short(label), "label end"))
        for j, (value, kind) in enumerate(zip(values, ("before", "after"), strict=True)):
            if value is None:
                continue
            width = (_WIDTH - labels - _VALUES) * float(value / largest)
            shapes.append(_bar(labels, top + j * 22, max(width, 1), kind))
            shapes.append(_text(labels + width + 8, top + j * 22 + 14, said(value), "value"))
    return _svg(title, 8 + len(rows) * 58, shapes)


def opposed_bars(title: str, rows: Sequence[tuple[str, int, int]], said: Callable[[Number], str]) -> str:
    """One row a cause: customers who move down to the left of the axis, up to the right of it."""
    largest = max((value for _, *values in rows for value in values), default=0) or 1
    labels = _label_width([_short(label) for label, *_ in rows])
    axis, half = (_WIDTH + labels) / 2, (_WIDTH - labels) / 2 - 70
    shapes = [
        _text(axis - 10, 14, "← down", "value end"),
        _text(axis + 10, 14, "up →", "value"),
        f'<line class="axis" x1="{axis}" x2="{axis}" y1="4" y2="{26 + len(rows) * 38}"/>',
    ]
    for i, (label, up, down) in enumerate(rows):
        top = 28 + i * 38
        left, right = half * down / largest, half * up / largest
        shapes.append(_text(labels - 12, top + 16, _short(label), "label end"))
        if down:
            shapes.append(_bar(axis - left, top, left, "down", 22))
            shapes.append(_text(axis - left - 8, top + 15, said(down), "value end"))
        if up:
            shapes.append(_bar(axis, top, right, "up", 22))
            shapes.append(_text(axis + right + 8, top + 15, said(up), "value"))
    return _svg(title, 34 + len(rows) * 38, shapes)


def flow(title: str, before: Sequence[str], after: Sequence[str], matrix: Sequence[Sequence[int]]) -> str:
    """Customers as ribbons from their tier before (left) to their tier after (right), as wide as they are many."""
    height, gap, bar = 300, 18, 14
    columns = [sum(row) for row in matrix], [sum(row[i] for row in matrix) for i in range(len(after))]
    scale = height / (sum(columns[0]) or 1)
    words = [
        [f"{_short(label)} {customers:,}" for label, customers in zip(labels, column, strict=True)]
        for labels, column in zip((before, after), columns, strict=True)
    ]
    tops = [
        [30 + y for y in accumulate((n * scale + gap * (n > 0) for n in column), initial=0.0)] for column in columns
    ]
    left, right = _label_width(words[0]), _WIDTH - _label_width(words[1]) - bar
    ribbons: list[tuple[bool, str]] = []
    from_, to = [list(edges) for edges in tops]
    for i, row in enumerate(matrix):
        for j, customers in enumerate(row):
            if customers:
                wide, kind = customers * scale, "stays" if i == j else "up" if j < i else "down"
                ribbons.append((i != j, _ribbon((left + bar, from_[i]), (right, to[j]), wide, kind)))
                from_[i] += wide
                to[j] += wide
    shapes = [ribbon for _, ribbon in sorted(ribbons, key=lambda drawn: drawn[0])]  # movers above those who stay
    shapes += [_text(left, 16, "before", "value"), _text(right + bar, 16, "after", "value end")]
    for x, at, anchor, side in ((left, left - 10, "label end", 0), (right, right + bar + 10, "label", 1)):
        for said, customers, top in zip(words[side], columns[side], tops[side], strict=False):
            if customers:
                shapes.append(_bar(x, top, bar, "node", max(customers * scale, 1)))
                shapes.append(_text(at, top + customers * scale / 2 + 5, said, anchor))
    return _svg(title, 40 + height + gap * len(matrix), shapes)


def _short(label: str) -> str:
    return label if len(label) <= _LABEL_LETTERS else f"{label[: _LABEL_LETTERS - 1]}…"


def _label_width(labels: Sequence[str]) -> float:
    return 24 + 8 * max(map(len, labels), default=0)


def _ribbon(start: tuple[float, float], end: tuple[float, float], wide: float, kind: str) -> str:
    (x, y), (x2, y2) = start, end
    middle, thick = (x + x2) / 2, max(wide, 0.8)
    there = f"C{middle:.1f} {y:.1f} {middle:.1f} {y2:.1f} {x2:.1f} {y2:.1f}"
    y, y2 = y + thick, y2 + thick
    back = f"L{x2:.1f} {y2:.1f} C{middle:.1f} {y2:.1f} {middle:.1f} {y:.1f} {x:.1f} {y:.1f} Z"
    return f'<path class="ribbon {kind}" d="M{x:.1f} {start[1]:.1f} {there} {back}"/>'


def _bar(x: float, y: float, width: float, kind: str, height: float = 20) -> str:
    return f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="2"/>'


def _text(x: float, y: float, words: str, kind: str) -> str:
    return f'<text class="{kind.strip()}" x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>'


def _svg(title: str, height: float, shapes: Sequence[str]) -> str:
    words = escape(title, quote=True)
    return f'<svg viewBox="0 0 {_WIDTH} {height:.0f}" role="img" aria-label="{words}">{"".join(shapes)}</svg>'
