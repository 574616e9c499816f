"""Pictures as PNG, for trackers that show no SVG: drawn with the bundled font, so that text is there on every machine."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from bridge.reporting import charts
from bridge.reporting.charts import Chart

ZOOM: Final = 2
"""Pixels a unit: sharp on a dense screen, some 30 KB a picture."""
_FONTS: Final = tuple(Path(__file__).parent / "fonts" / name for name in ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf"))


def name(chart: Chart) -> str:
    """Return the file's name: timeline.png."""
    return chart.name.removesuffix(".svg") + ".png"


def png(chart: Chart) -> bytes:
    """Return the picture in its light colours on white, ZOOM times its size. The same picture, the same bytes."""
    import resvg_py

    size = f'width="{charts.WIDTH}" height="{chart.height}" viewBox="0 0 {charts.WIDTH} {chart.height}"'
    # Without a font that is found, resvg leaves all text out and says nothing: the system's fonts are not relied on.
    return bytes(
        resvg_py.svg_to_bytes(
            svg_string=f'<svg xmlns="http://www.w3.org/2000/svg" {size}><style>{charts.LIGHT}</style>{chart.body}</svg>',
            zoom=ZOOM,
            background="#ffffff",
            skip_system_fonts=True,
            font_files=[str(path) for path in _FONTS],
            font_family="DejaVu Sans",
            sans_serif_family="DejaVu Sans",
        )
    )
