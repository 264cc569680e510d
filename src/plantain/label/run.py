"""From the answers of a batch to a set of labels, a line a photo, photos to be corrected, and the review sheet."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from plantain.errors import OutputError, PlantainError, TruthError, UsageError
from plantain.files import writing
from plantain.imaging.photo import photo_size, read_photo
from plantain.label import sheet
from plantain.label.areas import Found, Limits, found
from plantain.label.corrections import Corrected
from plantain.label.formats import Format, Picture
from plantain.label.sets import LabelSet, name_of, read_record, write_lines
from plantain.predictions.npz import from_npz

LINES, RECORD, SHEET, REVIEW = "photos.jsonl", "label.json", "review.html", "review"
LABELED, EMPTY, HELD, CORRECTED, FAILED = "labeled", "nothing found", "held back", "corrected", "failed"
Answers = Mapping[str, Sequence[Path] | PlantainError]  # by photo: the arrays of its answers, or what went wrong


@dataclass(frozen=True)
class Wanted:
    """What a set shall be. `boxes`: boxes alone; `apart`: pieces of a label map are things of their own; `by`: what the
    answers were asked with, words or examples; `review`, `shown`: photos to be corrected, and on the sheet."""

    format: Format
    classes: tuple[str, ...]
    limits: Limits
    boxes: bool = False
    apart: bool = False
    by: str = "words"
    review: int = 10
    shown: int = 100


@dataclass(frozen=True, eq=False)
class Run:
    """The photos by id, what was answered about them, and which of them people corrected."""

    folder: Path
    wanted: Wanted
    photos: Mapping[str, Path]
    answers: Answers
    corrected: Mapping[str, Corrected]

    def look(self, id: str) -> Found:
        """What was found in a photo. PlantainError for one that failed."""
        answer = self.answers[id]
        if isinstance(answer, PlantainError):
            raise answer
        answers, size = [from_npz(path) for path in answer], photo_size(self.photos[id])
        if any(one.size != size for one in answers):
            raise TruthError(f"{self.photos[id]} has changed since it was answered; remove {answer[0].parents[1]}")
        said = found(answers, self.wanted.classes, self.wanted.limits, apart=self.wanted.apart)
        if self.wanted.boxes:
            said.areas.mask = None
        return said

    def picture(self, id: str) -> Picture:
        return Picture(id, name_of(id, self.photos[id]), photo_size(self.photos[id]))

    # ---- the set

    def write(self, said: Callable[[Mapping[str, Any]], None], command: Callable[[Path], str]) -> dict[str, Any]:
        """Writes everything; gives the figures. `said` hears a line a photo; `command` is told the folder of photos to
        be corrected, and says what to type once they are. Raises OutputError, UsageError."""
        wanted = self.wanted
        made = LabelSet(self.folder, wanted.format, wanted.classes, read_record(self.folder / RECORD).get("files", {}))
        lines = []
        for id in self.photos:
            line = self._line(id, made)
            said(line)
            lines.append(line)
        made.close()
        review = self._review(lines)
        counts = Counter(line["state"] for line in lines)
        notes = self._sheet(lines, counts, command(review) if review else "")
        write_lines(self.folder / LINES, lines)
        record = {
            "format": wanted.format.name,
            "classes": wanted.classes,
            "by": wanted.by,
            "counts": counts,
            "files": made.written,
        }
        with writing(self.folder / RECORD) as beside:
            beside.write_text(json.dumps(record, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        areas = sum(sum(line.get("labels", {}).values()) for line in lines)
        told = {"photos": len(lines), **counts, "labels": areas, "changed by hand": made.changed, "notes": notes}
        return told | {"sheet": str(self.folder / SHEET), "review": str(review) if review else None}

    def _line(self, id: str, made: LabelSet) -> dict[str, Any]:
        """Labels one photo; its line. What cannot be read is an error of its own."""
        line: dict[str, Any] = {"id": id, "image": str(self.photos[id])}
        try:
            if id in self.corrected:
                return line | self._corrected(id, made)
            seen = self.look(id)
            classes = self.wanted.classes
            kept, unsure = seen.count(classes, True), seen.count(classes, False)
            state = LABELED if kept else HELD if unsure else EMPTY
            if state != HELD:
                picture = self.picture(id)
                fragment = self.wanted.format.say(picture, seen.kept, classes)
                made.add(picture, self.photos[id], fragment)
            told = {"labels": kept, "unsure": unsure, "not_found": list(seen.absent), "doubt": seen.doubt}
            return line | {"state": state, "by": self.wanted.by} | told
        except (OutputError, UsageError):
            raise
        except PlantainError as error:
            return line | {"state": FAILED, "error": str(error), "error_type": type(error).__name__}

    def _corrected(self, id: str, made: LabelSet) -> dict[str, Any]:
        """Puts a corrected photo into the set as it is."""
        own, picture, classes = self.corrected[id], self.picture(id), self.wanted.classes
        fragment = own.fragment
        if fragment is None:
            areas = own.areas[:]
            areas.mask = None if self.wanted.boxes else areas.mask
            fragment = self.wanted.format.say(picture, areas, classes)
        elif self.wanted.format.name == "labelme":
            fragment = fragment | {"imagePath": Path(picture.name).name}
        made.add(picture, self.photos[id], fragment)
        counts = Counter(classes[int(number)] for number in own.areas.class_id) if len(own.areas) else {}
        return {"state": CORRECTED, "by": "people", "labels": dict(counts)}

    # ---- what people look at

    def _review(self, lines: Sequence[Mapping[str, Any]]) -> Path | None:
        """A set of the photos that are to be corrected next, with what was unsure too. One that is there stays."""
        chosen = spread([line for line in lines if "doubt" in line], self.wanted.review)
        folder = self.folder / REVIEW / f"after-{len(self.corrected)}"
        if not chosen:
            return None
        if not folder.exists():
            made = LabelSet(folder, self.wanted.format, self.wanted.classes, {})
            for line in chosen:
                picture = self.picture(line["id"])
                areas = self.look(line["id"]).areas
                made.add(picture, self.photos[line["id"]], self.wanted.format.say(picture, areas, self.wanted.classes))
            made.close()
        return folder

    def _sheet(self, lines: Sequence[Mapping[str, Any]], counts: Mapping[str, int], command: str) -> list[str]:
        """The page; gives its lines."""
        doubtful = sorted((line for line in lines if "doubt" in line), key=lambda line: -line["doubt"])
        shown = doubtful[: self.wanted.shown]
        limits = self.wanted.limits
        notes = [
            ", ".join(f"{count} {state}" for state, count in counts.items()),
            f"Full outlines are labels. Dashed ones were less sure than {limits.confidence:g}, or their class less "
            f"than {limits.presence:g}: they are not in the labels. A photo that has none but such is held back.",
        ]
        if len(doubtful) > len(shown):
            notes.append(f"The {len(shown)} most doubtful of {len(doubtful)} photos; all are in {LINES}.")
        if command:
            notes.append(f"Correct the photos in {self.folder / REVIEW / f'after-{len(self.corrected)}'}, then type:")
        cards, title = map(self._card, shown), f"Labels of {len(lines)} photos"
        sheet.write(self.folder / SHEET, title, notes, command, cards, self.wanted.classes)
        return notes

    def _card(self, line: Mapping[str, Any]) -> sheet.Card:
        seen = self.look(line["id"])
        doubt = (
            f"{line['doubt']:.0%} of it may be wrong"
            if line["doubt"] <= 1 and not self._things
            else f"{line['doubt']:.1f} labels may be wrong"
        )
        return sheet.Card(
            line["id"], line["state"], read_photo(self.photos[line["id"]]), seen.areas, seen.absent, doubt
        )

    @property
    def _things(self) -> bool:
        return self.wanted.by == "words" and (self.wanted.boxes or self.wanted.apart)


def spread(lines: Sequence[Mapping[str, Any]], count: int) -> list[Mapping[str, Any]]:
    """So many photos to be corrected: the most doubtful of each stretch of the folder, whose neighbors are alike.

    >>> [line["id"] for line in spread([{"id": i, "doubt": d} for i, d in enumerate((3, 1, 2, 4))], 2)]
    [0, 3]
    """
    count = min(count, len(lines))
    ends = [round(i * len(lines) / count) for i in range(count + 1)] if count else []
    return [max(lines[a:b], key=lambda line: line["doubt"]) for a, b in pairwise(ends)]
