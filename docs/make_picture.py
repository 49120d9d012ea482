"""Draw a command's real output as an SVG picture of a terminal.

Run ``automl-explain demo | python docs/make_picture.py "automl-explain demo" > docs/demo.svg``.
"""

from __future__ import annotations

import html
import re
import sys
from collections.abc import Iterator

FONT_SIZE, LINE, CHARACTER, PADDING, TITLE = 13, 18, 7.85, 18, 30
BACKGROUND, BAR, TEXT, FAINT, ACCENT = "#11151c", "#1c222d", "#d5dbe5", "#8792a4", "#6fc3a5"
BLOCKS = "█▉▊▋▌▍▎▏"


def draw(command: str, text: str) -> str:
    """SVG of a terminal window with a command and what it printed."""
    lines = [f"$ {command}", *text.rstrip("\n").splitlines()]
    width = round(2 * PADDING + CHARACTER * max(map(len, lines)))
    height = TITLE + 2 * PADDING + LINE * len(lines)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
            f'role="img" aria-label="{html.escape(f"Output of {command}")}">',
            f'<rect width="{width}" height="{height}" rx="8" fill="{BACKGROUND}"/>',
            f'<path d="M0 8a8 8 0 0 1 8-8h{width - 16}a8 8 0 0 1 8 8v{TITLE - 8}H0z" fill="{BAR}"/>',
            *(f'<circle cx="{18 + 18 * i}" cy="15" r="5" fill="#465064"/>' for i in range(3)),
            f"<g font-family=\"ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace\" "
            f'font-size="{FONT_SIZE}">',
            *(line for i, content in enumerate(lines) for line in draw_line(i, content)),
            "</g>",
            "</svg>",
            "",
        ]
    )


def draw_line(i: int, content: str) -> Iterator[str]:
    """Text of one line; bars become rectangles, because fonts leave gaps between block characters."""
    y = TITLE + PADDING + LINE * i + FONT_SIZE
    if not content:
        return
    bars = [(k, c) for k, c in enumerate(content) if c in BLOCKS]
    if bars:
        cells = sum((8 - BLOCKS.index(c)) / 8 for _, c in bars)
        x = PADDING + CHARACTER * bars[0][0]
        yield f'<rect x="{x:.1f}" y="{y - 10}" width="{cells * CHARACTER:.1f}" height="11" rx="1.5" fill="{ACCENT}"/>'
    plain = "".join(" " if c in BLOCKS else c for c in content)
    colour = FAINT if i == 0 else TEXT
    # Each word group stands at its own place and width: the columns stay straight whatever font the reader has.
    for group in re.finditer(r"\S+(?: \S+)*", plain):
        x, length = PADDING + CHARACTER * group.start(), CHARACTER * len(group[0])
        yield (
            f'<text x="{x:.1f}" y="{y}" fill="{colour}" textLength="{length:.1f}" lengthAdjust="spacingAndGlyphs">'
            f"{html.escape(group[0], quote=False)}</text>"
        )


if __name__ == "__main__":
    sys.stdout.write(draw(sys.argv[1], sys.stdin.read()))
