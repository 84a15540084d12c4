"""Pictures of a model card as SVG text: they show offline, in the web UI and in any browser.

Belongs here: drawing. Does not: the figures (segmentation/churn/evaluate.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from segmentation.churn.evaluate import Bin

_SIZE, _LEFT, _TOP, _PLOT = (520, 400), 62, 44, (420, 290)
_LINE, _OTHER, _GREY = "#1b6ca8", "#f0a500", "#777777"
Point = tuple[float, float]


def reliability_picture(title: str, bins: Sequence[Bin]) -> str:
    """Predicted against seen share of churners, a dot a tenth of the examples; on the diagonal they agree."""
    top = max([*(b.mean_risk for b in bins), *(b.churned_share for b in bins), 1e-6]) * 1.08
    dots = [(b.mean_risk / top, b.churned_share / top) for b in bins]
    body = _polyline([(0, 0), (1, 1)], _GREY, dashed=True) + _polyline(dots, _LINE)
    body += "".join(_dot(point, _LINE) for point in dots)
    return _framed(title, body, ("predicted risk", "share that left"), (top, top))


def gains_picture(title: str, gains: Sequence[Point]) -> str:
    """Share of the churners among those contacted, by falling risk; the dashed line is contacting at random."""
    body = _polyline([(0, 0), (1, 1)], _GREY, dashed=True) + _polyline(list(gains), _LINE)
    tenth = next(point for point in gains if point[0] >= 0.1 - 1e-9)
    body += _dot(tenth, _OTHER)
    x, y = _at(tenth)
    body += f'<text x="{x + 10:.1f}" y="{y + 4:.1f}">{tenth[1]:.0%} of the churners in the first tenth</text>'
    return _framed(title, body, ("share of customers, highest risk first", "share of churners"), (1, 1))


def _framed(title: str, body: str, axes: tuple[str, str], tops: Point) -> str:
    width, height = _SIZE
    plot_width, plot_height = _PLOT
    ticks = []
    for i in range(6):
        x, y = _at((i / 5, i / 5))
        ticks.append(f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{_LEFT + plot_width}" y2="{y:.1f}" stroke="#e5e5e5"/>')
        ticks.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{_share(tops[1] * i / 5)}</text>')
        ticks.append(
            f'<text x="{x:.1f}" y="{_TOP + plot_height + 18}" text-anchor="middle">{_share(tops[0] * i / 5)}</text>'
        )
    middle = _TOP + plot_height / 2
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'font-family="sans-serif" font-size="12" role="img" aria-label="{escape(title)}">'
        f'<rect width="100%" height="100%" fill="#ffffff"/>'
        f'<text x="12" y="24" font-size="16" font-weight="bold">{escape(title)}</text>{"".join(ticks)}'
        f'<rect x="{_LEFT}" y="{_TOP}" width="{plot_width}" height="{plot_height}" fill="none" stroke="#999999"/>{body}'
        f'<text x="{_LEFT + plot_width / 2}" y="{height - 18}" text-anchor="middle">{escape(axes[0])}</text>'
        f'<text x="16" y="{middle}" text-anchor="middle" transform="rotate(-90 16 {middle})">{escape(axes[1])}</text>'
        "</svg>\n"
    )


def _at(point: Point) -> Point:
    return _LEFT + _PLOT[0] * point[0], _TOP + _PLOT[1] * (1 - point[1])


def _polyline(points: Sequence[Point], colour: str, *, dashed: bool = False) -> str:
    placed = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(_at, points))
    dashes = ' stroke-dasharray="5 4"' if dashed else ""
    return f'<polyline points="{placed}" fill="none" stroke="{colour}" stroke-width="2"{dashes}/>'


def _dot(point: Point, colour: str) -> str:
    x, y = _at(point)
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>'


def _share(value: float) -> str:
    return f"{value:.0%}" if value in (0, 1) or value >= 0.1 else f"{value:.1%}"
