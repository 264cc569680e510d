"""Words of the forms, misspelt: only those are mended, never a name.

>>> slips("segmnet"), slips("deph"), slips("nomals"), slips("hedges")
(('segment',), ('depth',), ('normals',), ())
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import combinations

from plantain.tasks.language.english import word_set
from plantain.tasks.language.forms import forms

SHORTEST = 4  # letters of a word that is looked for among misspelt ones
MOST = 4  # words of one text that are mended together
VOWELS = frozenset("aeiouy")
TASK_WORDS = word_set(  # the words of the forms that are looked for among misspelt ones
    "depth metric relative absolute disparity inverse distance distances surface normal normals edge edges "
    "contour contours outline outlines boundary boundaries segment segmentation semantic instance instances "
    "panoptic mask masks silhouette bounding boxes detect detection keypoint keypoints skeleton landmarks matte "
    "matting cutout background remove transparent count number many where which closer nearer farther further "
    "there find locate highlight select isolate everything separately individually estimation cloud pointcloud "
    "compare between"
)
REAL = word_set(  # English words that one slip makes of those
    "absolutely absolutes absolve banding bending binding blending blinding boarding bonding boning bouncing "
    "boxers branding budding bundling bunting centaurs cloudy colors colours compared compares concourse concurs "
    "contoured counts county deception deduction defection deflection deletion depiction desertion detecting "
    "detective detects detention disparate distanced distaste distinct edged edgy estimating estimations "
    "estimator father fend fiend fin finds fined fond fund highlighted highlighter highlights individuality "
    "insane instant instinct instincts insurance isolated isolates issuance landmass locates man mane manly manny "
    "mass mate mating matt matted matter matty may metrics musk normans numbers outings outlier outliers outlive "
    "outlived reactive relate relating relation relatively relatives relive removes sedimentation selects "
    "separated separates somatic surfaced thee three transparency transparently"
)


@cache
def known() -> frozenset[str]:
    """Every word that a form can have, outside of names."""
    return frozenset(word for _, pattern in forms() for word in pattern.words)


@cache
def slips(word: str) -> tuple[str, ...]:
    """The words of forms that this may be a misspelling of; none for a word of a form, or any real English one."""
    low = word.lower()
    if low in known() or low in REAL or len(low) < SHORTEST or not low.isalpha():
        return ()
    return tuple(sorted(word for word in TASK_WORDS if is_slip(low, word)))


def is_slip(typed: str, word: str) -> bool:
    """Whether one slip of the fingers makes `typed` of `word`, or two in a long one; the first letter is seldom wrong.

    >>> is_slip("detcet", "detect"), is_slip("symantic", "semantic"), is_slip("rose", "pose"), is_slip("post", "pose")
    (True, True, False, False)
    """
    most = 2 if len(word) >= 8 else 1
    return typed[0] == word[0] and abs(len(typed) - len(word)) <= most and distance(typed, word) <= most


def distance(typed: str, word: str) -> int:
    """Letters swapped, left out, put in or taken for another: the optimal string alignment distance.

    Another consonant counts as much as three slips in a short word, where it makes other words.

    >>> distance("detcet", "detect"), distance("nomals", "normals"), distance("depht", "depth"), distance("hat", "cat")
    (1, 1, 1, 2)
    """
    rows = [list(range(len(word) + 1))]
    for i, typed_letter in enumerate(typed, 1):
        row = [i]
        for j, letter in enumerate(word, 1):
            alike = len(word) > 6 or {typed_letter, letter} <= VOWELS
            other = 0 if typed_letter == letter else 1 if alike else 3
            best = min(rows[i - 1][j] + 1, row[j - 1] + 1, rows[i - 1][j - 1] + other)
            if i > 1 and j > 1 and typed_letter == word[j - 2] and typed[i - 2] == letter:
                best = min(best, rows[i - 2][j - 2] + 1)
            row.append(best)
        rows.append(row)
    return rows[-1][-1]


def mendings(text: str) -> Iterator[tuple[str, tuple[tuple[str, str], ...]]]:
    """The text with misspelt words mended, the most of them first: each with (typed, meant) of what was mended."""
    words = text.split(" ")
    found = [(i, meant) for i, word in enumerate(words) for meant in slips(word)][:MOST]
    for count in range(len(found), 0, -1):
        for chosen in combinations(found, count):
            if len({i for i, _ in chosen}) == count:
                new = dict(chosen)
                mended = " ".join(new.get(i, word) for i, word in enumerate(words))
                yield mended, tuple((words[i], meant) for i, meant in chosen)
