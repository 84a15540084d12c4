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


def paired_bars(
    title: str, rows: Sequence[tuple[str, Number | None, Number | None]], said: Callable[[Number], str]
) -> str:
    """Two bars a row, before and after, on one scale; None draws nothing. `said` words a number."""
    largest = max((value for _, *values in rows for value in values if value is not None), default=0) or 1
    labels, shapes = _label_width([label for label, *_ in rows]), []
    for i, (label, *values) in enumerate(rows):
        top = 8 + i * 58
        shapes.append(_text(labels - 12, top + 26, label, "label end"))
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
    labels = _label_width([label for label, *_ in rows])
    axis, half = (_WIDTH + labels) / 2, (_WIDTH - labels) / 2 - 70
    shapes = [
        _text(axis - 10, 14, "← down", "value end"),
        _text(axis + 10, 14, "up →", "value"),
        f'<line class="axis" x1="{axis}" x2="{axis}" y1="4" y2="{26 + len(rows) * 38}"/>',
    ]
    for i, (label, up, down) in enumerate(rows):
        top = 28 + i * 38
        left, right = half * down / largest, half * up / largest
        shapes.append(_text(labels - 12, top + 16, label, "label end"))
        if down:
            shapes.append(_bar(axis - left, top, left, "down", 22))
            shapes.append(_text(axis - left - 8, top + 15, said(down), "value end"))
        if up:
            shapes.append(_bar(axis, top, right, "up", 22))
            shapes.append(_text(axis + right + 8, top + 15, said(up), "value"))
    return _svg(title, 34 + len(rows) * 38, shapes)


def flow(title: str, labels: Sequence[str], matrix: Sequence[Sequence[int]], heads: tuple[str, str]) -> str:
    """Customers as ribbons from their tier before (left) to their tier after (right), as wide as they are many."""
    height, gap, bar = 300, 18, 14
    said = [f"{label} {sum(values):,}" for label, *values in zip(labels, *matrix, strict=True)]
    said += [f"{label} {sum(row):,}" for label, row in zip(labels, matrix, strict=True)]
    aside = _label_width(said)
    left, right = aside, _WIDTH - aside - bar
    total = sum(map(sum, matrix)) or 1
    scale = height / total
    columns = [sum(row) for row in matrix], [sum(row[i] for row in matrix) for i in range(len(labels))]
    starts = [
        [30 + y for y in accumulate((v * scale + gap * (v > 0) for v in values), initial=0.0)] for values in columns
    ]
    from_, to = [list(edge) for edge in starts]
    ribbons, shapes = [], [_text(left, 16, heads[0], "value"), _text(right + bar, 16, heads[1], "value end")]
    for i, row in enumerate(matrix):
        for j, customers in enumerate(row):
            if not customers:
                continue
            wide, kind = customers * scale, "stays" if i == j else "up" if j < i else "down"
            ribbons.append((i != j, _ribbon((left + bar, from_[i]), (right, to[j]), wide, kind)))
            from_[i] += wide
            to[j] += wide
    shapes += [ribbon for _, ribbon in sorted(ribbons, key=lambda r: r[0])]  # movers are drawn over those who stay
    for x, values, edges, anchor in ((left, columns[0], starts[0], "end"), (right, columns[1], starts[1], "")):
        for label, customers, y in zip(labels, values, edges, strict=False):
            if customers:
                shapes.append(_bar(x, y, bar, "node", max(customers * scale, 1)))
                at = x - 10 if anchor else x + bar + 10
                shapes.append(_text(at, y + customers * scale / 2 + 5, f"{label} {customers:,}", f"label {anchor}"))
    return _svg(title, 40 + height + gap * len(labels), shapes)


def _label_width(labels: Sequence[str]) -> float:
    return min(24 + 8.5 * max(map(len, labels), default=0), _WIDTH / 3)


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
