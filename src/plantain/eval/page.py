"""What pages that need nothing beside them share: their style, tables, pictures inside the page."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence

from PIL import Image

SIDE = 260  # pixels of a thumbnail's width
STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --good: #2a7; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1180px; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.4rem } h2 { font-size: 1.15rem; margin-top: 2.5rem; padding-top: 1rem }
h2 { border-top: 1px solid var(--line) }
.wide { overflow-x: auto } table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top }
td:last-child:nth-child(n+9) { min-width: 14rem }
td.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
code { background: var(--soft); padding: .1rem .3rem; border-radius: 4px; overflow-wrap: anywhere }
.case { display: grid; grid-template-columns: repeat(5, 1fr); gap: .4rem; margin: .6rem 0 1.2rem }
.case figure { margin: 0 } .case img { width: 100%; border-radius: 4px; display: block }
figcaption, .note { font-size: .85rem; opacity: .75 } .two { display: flex; flex-wrap: wrap; gap: 2rem }
@media (max-width: 640px) { .case { grid-template-columns: repeat(2, 1fr) } }
"""


def table(head: Iterable[str], rows: Iterable[Sequence[str]], numeric: Iterable[int] = ()) -> str:
    """An HTML table; cells are HTML already. A head without names is left out."""
    right, names = set(numeric), list(head)
    lines = ["<tr>" + "".join(f"<th>{name}</th>" for name in names) + "</tr>"] if any(names) else []
    for row in rows:
        cells = "".join(f"<td{' class=n' if i in right else ''}>{cell}</td>" for i, cell in enumerate(row))
        lines.append(f"<tr>{cells}</tr>")
    return f"<table>{''.join(lines)}</table>"


def thumb(picture: Image.Image) -> str:
    """A picture inside the page."""
    small = picture.convert("RGB").resize((SIDE, max(1, round(picture.height * SIDE / picture.width))))
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=80)
    return f"<img alt='' src='data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}'>"
