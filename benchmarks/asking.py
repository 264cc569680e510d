"""Every form of question that is read, as a page.

    python benchmarks/asking.py [-o docs/asking.md]

`tests/test_docs.py` holds that the page says what the table says.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from pathlib import Path

from plantain.tasks.language import forms, modifiers, refusals
from plantain.tasks.language.reader import read_plan

HEAD = """# Asking

A question is English, as short as you like. This page lists every form that is read; `plantain explain` says how a
text is read, without a model:

```
plantain explain "how far is the cup, in feet?"
plantain explain - < questions.txt
```

It prints a JSON line a text: `text`, `tasks` (what is painted), `names`, `want` (`map`, `count`, `distance`, `where`,
`presence`, `compare`, `size`, `cutout`, `disparity`, `point-cloud`), where they were said `unit`, `near_m`, `far_m`,
`frame`, `points`, `colours`, `between`, `side`, then `prompts` and `notes`. A text that is refused has
`"want": "refuse"` and `error`. The exit code is 2 where a single text was refused, else 0.

In Python, `plantain.tasks.language.reader.read_plan(text)` gives a `Plan` of questions, and
`plantain.tasks.language.parsing.interpret(text)` the one task of a text that takes one painting.

## How it is read

1. A form of the table below reads it, whatever politeness stands around it.
2. A misspelt word of a form is mended, and that is said. Names are never mended.
3. A name alone is its mask ("sky", "the leftmost person"), a list of bare names is a class a pixel ("person, dog"),
   "every window" is instances, and a name with a question mark asks whether it is there ("a dog?").
4. Several questions may stand in one text, joined by commas, "and", "then" or full stops; "it" and "them" are what
   the question before was about.
5. "everything else", "others" and "the rest" are no class and no mask: they are what is none of the names.
6. Anything else is refused, with examples. What can be a name is told by its form alone: no dictionary is asked. A
   [planner](planner.md), a language model of your choice, may read what is refused.

"and" parts names, but after an article only before another article or a plural: "the cup and saucer" is one thing,
"the cup and the saucer" are two, "rock and roll poster" is two. Put a name in quotes to keep it whole: `segment "rock
and roll poster"`. A color belongs to its thing ("the man in red") unless it is told: "person: red, wall: blue".
Whatever is dropped or taken for granted is a note.

In the forms, `(a|b)` is one of several, `[a]` may be left out, and words in capitals are names or [word
classes](#word-classes): THING, OTHER and BEFORE are things, REST belongs to them, ELSE is named but changes nothing,
POINTS are named points, UNIT is a unit of length. Hyphens and capitals do not count.
"""


def block(lines: Iterable[str]) -> str:
    return "```\n" + "\n".join(lines) + "\n```\n"


def reading(text: str) -> str:
    """How an example is read, in a line."""
    told = read_plan(text).to_json()
    parts = [", ".join(told["tasks"]), told["want"], *(str(told[key]) for key in ("unit", "points") if key in told)]
    return "; ".join([*parts, *([f"names: {', '.join(told['names'])}"] if told["names"] else [])])


def form_parts() -> Iterable[str]:
    for form in forms.FORMS:
        examples = [one.format("the cup") for one in form.examples]
        takes = f" Takes {', '.join(form.takes)}." if form.takes else ""
        yield f"\n### {form.asks.capitalize()}\n\n"
        yield "".join(f'- "{example}" -> {reading(example)}\n' for example in examples) + "\n" if examples else ""
        yield f"{takes.strip()}\n\n" if takes else ""
        yield block(form.texts)


def classes(table: Mapping[str, str]) -> str:
    return block(f"{name:<13}{text}" for name, text in table.items())


def refusal_parts() -> Iterable[str]:
    for row in (refusals.INCOMPLETE, *refusals.REFUSALS):
        yield f"\n### A text that {row.why}\n\n" + block(row.texts)


def page() -> str:
    """The whole page."""
    made = "\nMade by `python benchmarks/asking.py -o docs/asking.md` from `plantain.tasks.language.forms`.\n"
    said = {
        "Range of depth": modifiers.RANGES,
        "Unit": modifiers.IN_UNITS,
        **{f"Axes of {name}": texts for name, texts in modifiers.FRAMES.items()},
        "Colormap of depth": modifiers.COLORMAPS,
    }
    parts = [HEAD, made, "\n## Forms\n", *form_parts(), "\n## What may be said besides\n"]
    parts += [f"\n### {title}\n\n{block(texts)}" for title, texts in said.items()]
    parts += [
        "\n## Word classes\n\n",
        classes(forms.CLASSES),
        "\nOf what is said besides:\n\n",
        classes(modifiers.CLASSES),
    ]
    parts += ["\n## Around a question\n\nBefore anything:\n\n", block(forms.POLITE), "\nBefore a form:\n\n"]
    parts += [block(forms.LEADING), "\nAfter anything:\n\n", block(forms.TRAILING)]
    parts += ["\n## What is refused\n\nAnd any text that no form reads, that is not in English, or that is no name.\n"]
    return "".join([*parts, *refusal_parts()])


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("-o", "--out", type=Path)
    given = args.parse_args()
    if given.out:
        given.out.write_text(page(), encoding="utf-8")
    else:
        print(page())


if __name__ == "__main__":
    main()
