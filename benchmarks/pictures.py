"""Charts of measurements as SVG text: bars made of parts, and lines over nights.

Belongs here: drawing. Does not: what is measured, files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

COLOURS = ("#1b6ca8", "#3fa796", "#f0a500", "#cf4647", "#7a5195", "#8d99ae", "#5c940d", "#b08968", "#495057", "#e599f7")
_WIDTH, _LEFT, _RIGHT = 760, 190, 70


def part_bars(title: str, bars: Mapping[str, Mapping[str, float]], unit: str) -> str:
    """Horizontal bars, each the sum of its named parts, with a legend; parts keep their colours from bar to bar."""
    parts = list(dict.fromkeys(part for bar in bars.values() for part in bar))
    colours = {part: COLOURS[n % len(COLOURS)] for n, part in enumerate(parts)}
    longest = max((sum(bar.values()) for bar in bars.values()), default=0) or 1
    drawn, top = [], 44
    for name, bar in bars.items():
        drawn.append(_text(_LEFT - 10, top + 17, name, anchor="end"))
        left = float(_LEFT)
        for part, value in bar.items():
            width = (_WIDTH - _LEFT - _RIGHT) * max(value, 0) / longest
            label = f"<title>{escape(part)}: {value:.1f} {escape(unit)}</title>"
            drawn.append(
                f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="24" fill="{colours[part]}">{label}</rect>'
            )
            left += width
        drawn.append(_text(left + 8, top + 17, f"{sum(bar.values()):,.1f} {unit}"))
        top += 34
    if len(parts) > 1:
        legend, height = _legend(parts, colours, top + 10)
        drawn.append(legend)
        top += 10 + height
    return _picture(title, drawn, top + 12)


def lines(title: str, series: Mapping[str, Sequence[float]], unit: str) -> str:
    """One line a series over 1, 2, 3 …; the vertical axis begins at zero, so that growth is not made to look larger."""
    colours = {name: COLOURS[n % len(COLOURS)] for n, name in enumerate(series)}
    highest = max((max(values, default=0) for values in series.values()), default=0) or 1
    count = max((len(values) for values in series.values()), default=1)
    left, top, width, height = 70, 44, _WIDTH - 100, 240
    drawn = []
    for step in range(5):
        y = top + height * (1 - step / 4)
        drawn.append(f'<line x1="{left}" x2="{left + width}" y1="{y:.1f}" y2="{y:.1f}" stroke="#dee2e6"/>')
        drawn.append(_text(left - 8, y + 5, f"{highest * step / 4:,.3g}", anchor="end"))
        night = max(round(count * step / 4), 1)
        x = left + width * (night - 1) / max(count - 1, 1)
        drawn.append(_text(x, top + height + 20, f"{night}", anchor="middle"))
    for name, values in series.items():
        points = " ".join(
            f"{left + width * n / max(count - 1, 1):.1f},{top + height * (1 - value / highest):.1f}"
            for n, value in enumerate(values)
        )
        drawn.append(f'<polyline points="{points}" fill="none" stroke="{colours[name]}" stroke-width="1.5"/>')
    legend, rows = _legend(list(series), colours, top + height + 34)
    drawn.append(legend)
    return _picture(f"{title}, {unit}", drawn, top + height + 46 + rows)


def _legend(names: Sequence[str], colours: Mapping[str, str], top: int) -> tuple[str, int]:
    """The names with their colours, in as many rows as they need, and the height of all."""
    drawn, left, row = [], 20, 0
    for name in names:
        width = 34 + 7 * len(name)
        if left + width > _WIDTH:
            left, row = 20, row + 1
        y = top + 20 * row
        drawn.append(f'<rect x="{left}" y="{y}" width="12" height="12" fill="{colours[name]}"/>')
        drawn.append(_text(left + 17, y + 11, name, size=12))
        left += width
    return "".join(drawn), 20 * (row + 1)


def _text(x: float, y: float, text: str, *, anchor: str = "start", size: int = 13) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">{escape(text)}</text>'


def _picture(title: str, drawn: Sequence[str], height: float) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height:.0f}" font-family="sans-serif">\n'
        f'<rect width="100%" height="100%" fill="#ffffff"/>\n'
        f'<text x="12" y="26" font-size="16" font-weight="bold">{escape(title)}</text>\n'
        + "\n".join(drawn)
        + "\n</svg>\n"
    )
