"""Examples shown with a question: brought to what is asked, learned from, or sent along."""

from __future__ import annotations

import numpy as np
import pytest

from plantain.errors import PhotoError, TruthError, UsageError
from plantain.models import Capabilities, Identity, Painter
from plantain.models.painters import learned
from plantain.models.painters.embedded import Embedded
from plantain.models.painters.learned import Seen
from plantain.models.painting import Painting
from plantain.models.specialists.base import Specialist
from plantain.pipeline.examples import paired
from plantain.pipeline.jobs import Context, Job
from plantain.pipeline.predictor import PainterPredictor, SpecialistPredictor
from plantain.pipeline.store import Store
from plantain.predictions.types import Alpha, Depth, Instances, Labels
from plantain.tasks import EdgeDetection, Matting, MetricDepth, ReferringSegmentation, SemanticSegmentation
from plantain.tasks.asked import as_asked, filled, painted

PHOTO = np.random.default_rng(0).integers(0, 256, (6, 8, 3)).astype(np.uint8)
SURE = np.ones((6, 8), np.float32)
IDS = np.full((6, 8), -1, np.int16)
IDS[:3], IDS[3, :4] = 0, 1
CATS = SemanticSegmentation.of(["dog", "cat"])


def labels(classes=("cat", "dog"), ids=IDS) -> Labels:
    return Labels(ids=ids, classes=classes, confidence=SURE)


def things(*masks) -> Instances:
    stack = np.array(masks)
    return Instances(boxes=np.zeros((len(stack), 4), np.float32), labels=np.array([0, 1]), classes=("cat", "dog"),
                     scores=np.ones(2, np.float32), masks=stack, confidence=SURE)  # fmt: skip


# ---- truths as they are asked for


def test_classes_are_found_by_their_names() -> None:
    wanted = as_asked(CATS, labels())
    assert wanted.classes == ("dog", "cat")
    assert wanted.ids[0, 0] == 1 and wanted.ids[3, 0] == 0 and wanted.ids[5, 5] == -1
    assert wanted.confidence.all()  # what is neither is the background
    assert as_asked(SemanticSegmentation.of(["The Cat"]), labels()).ids[0, 0] == 0


def test_minus_one_is_unknown_where_nothing_else_can_be_meant() -> None:
    nothing_else = SemanticSegmentation.of(["dog", "cat"], background=None)
    assert (as_asked(nothing_else, labels()).confidence == (IDS >= 0)).all()
    with_ground = labels(("background", "cat"))  # as VOC, where -1 is the border
    wanted = as_asked(SemanticSegmentation.of(["cat"]), with_ground)
    assert (wanted.ids == np.where(IDS == 1, 0, -1)).all()
    assert (wanted.confidence == (IDS >= 0)).all()


def test_masks_things_and_classes_stand_for_one_another() -> None:
    cat, dog = IDS == 0, np.ones((6, 8), bool)
    soft = Alpha(alpha=np.array([cat, IDS == 1], np.float32), names=("cat", "dog"), confidence=SURE)
    assert (as_asked(CATS, soft).ids == as_asked(CATS, labels()).ids).all()
    assert (as_asked(CATS, things(cat, dog)).ids == np.where(cat, 1, 0)).all()  # the smaller one lies on top
    for truth in (labels(), soft, things(cat, dog)):
        assert (as_asked(ReferringSegmentation("the cat"), truth).alpha[0] == cat).all()
    assert (as_asked(Matting("cat"), labels()).alpha[0] == cat).all()


def test_one_mask_is_that_of_the_one_name() -> None:
    main = Alpha(alpha=(IDS == 0)[None].astype(np.float32), names=("main object",), confidence=SURE)
    assert as_asked(ReferringSegmentation("the crack"), main).names == ("the crack",)
    assert as_asked(Matting(), (IDS == 0)).alpha.sum() == 24
    assert as_asked(EdgeDetection(), (IDS == 0)).names == ("edges",)
    with pytest.raises(TruthError, match="1 masks were given for 2 names"):
        as_asked(ReferringSegmentation(("a", "b")), IDS == 0)


def test_arrays_and_paintings_are_taken() -> None:
    assert as_asked(CATS, IDS).ids[0, 0] == 0  # numbers in the order of the question
    assert as_asked(MetricDepth(), SURE) is SURE
    painting = CATS.encode(IDS)
    assert as_asked(CATS, painting) is painting
    assert painted(CATS, painting) is painting


@pytest.mark.parametrize(
    ("examples", "kind", "said"),
    [
        ([], UsageError, "no examples"),
        ([("missing.jpg", labels())], PhotoError, "missing.jpg"),
        ([(PHOTO, labels()), (PHOTO[:5], labels())], TruthError, "example 2: the photo has 8 x 5 pixels, .* 8 x 6"),
        ([(PHOTO, labels(("cat", "bird")))], UsageError, "no example knows 'dog'; their answers name cat, bird"),
        ([(PHOTO, np.full((6, 8), 7))], TruthError, "example 1: labels are 7..7"),
        ([(PHOTO, "cat")], TruthError, "example 1: labels have shape"),
    ],
)  # fmt: skip
def test_bad_examples_are_one_line(examples, kind, said) -> None:
    with pytest.raises(kind, match=said) as told:
        paired(CATS, examples)
    assert "\n" not in str(told.value)


def test_a_class_may_be_in_some_examples_only() -> None:
    cats = labels(("cat",), np.minimum(IDS, 0))
    assert len(paired(CATS, [(PHOTO, cats), (PHOTO, labels())])) == 2


def test_unknown_pixels_are_painted_like_their_neighbors() -> None:
    values = np.array([[1, 0, 0, 2], [0, 0, 0, 0], [3, 0, 0, 0]])
    known = values > 0
    assert filled(values, known).tolist() == [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 3, 3]]
    assert (filled(values, np.zeros_like(known)) == values).all()
    task = SemanticSegmentation.of(["dog", "cat"], background=None)
    rgb = painted(task, as_asked(task, labels()))
    assert {tuple(c) for c in rgb.reshape(-1, 3)} == set(task.colors)


def test_sparse_depth_is_painted_without_holes() -> None:
    known = np.zeros((6, 8), bool)
    known[::3, ::3] = True
    values = np.where(known, np.float32(3), np.float32(0))
    task = MetricDepth(code="log-gray")
    wanted = task.encode(Depth(values=np.full_like(values, 3), valid=np.ones_like(known), confidence=SURE))
    assert (painted(task, Depth(values=values, valid=known, confidence=SURE)) == wanted).all()
    known[:] = True
    known[:2] = False  # a sky is no hole
    white = painted(task, Depth(values=np.full_like(values, 3), valid=known, confidence=SURE))
    assert (white[:2] == 255).all() and (white[2:] == wanted[2:]).all()


# ---- painters that are shown them


class Listener(Painter):
    """Keeps what it was asked, and paints black."""

    identity = Identity("listener")
    capabilities = Capabilities(max_images=5)

    def __init__(self):
        self.heard = []

    def canvas(self, width, height):
        return 2 * width, 2 * height

    def paint(self, requests):
        self.heard += requests
        return [Painting(np.zeros((r.size[1], r.size[0], 3), np.uint8)) for r in requests]


def test_a_painter_is_shown_photo_and_painting_in_turn() -> None:
    painter = Listener()
    PainterPredictor(painter).predict(PHOTO, CATS, examples=[(PHOTO, labels()), (255 - PHOTO, labels())])
    (request,) = painter.heard
    assert [picture.shape for picture in request.images] == [(12, 16, 3)] * 5
    assert {tuple(c) for c in request.images[2].reshape(-1, 3)} == {*CATS.colors, (0, 0, 0)}  # no mixed colors
    assert (request.images[1] == request.images[0]).all()
    assert (request.images[3] != request.images[0]).any()


def test_every_part_of_a_question_has_its_own_paintings() -> None:
    painter = Listener()
    names = [f"thing {i}" for i in range(70)]
    ids = np.arange(48, dtype=np.int16).reshape(6, 8) + 20
    truth = Labels(ids=ids, classes=tuple(names), confidence=SURE)
    PainterPredictor(painter).predict(PHOTO, SemanticSegmentation.of(names), examples=[(PHOTO, truth)])
    first, second = (request.images[2] for request in painter.heard)
    assert (first.any(-1) != second.any(-1)).all()  # each class is on one of the two


def test_too_many_examples_say_who_takes_them() -> None:
    with pytest.raises(UsageError, match=r"3 example pairs .* listener takes 5 at most; the embedded generator learns"):
        PainterPredictor(Listener()).predict(PHOTO, CATS, examples=[(PHOTO, labels())] * 3)


def test_a_specialist_learns_from_none() -> None:
    class Dummy(Specialist):
        name, supported_tasks = "dummy", {"semantic": "all"}

    with pytest.raises(UsageError, match="dummy learns from no examples"):
        SpecialistPredictor(Dummy()).predict(PHOTO, CATS, examples=[(PHOTO, labels())])


def test_kept_answers_hang_on_the_examples(tmp_path) -> None:
    store = Store(tmp_path, PainterPredictor(Listener()))

    def key(*examples):
        return store.key(Job("a", PHOTO, CATS, context=Context(paired(CATS, examples) if examples else ())))

    without, one, again, other = key(), *map(key, [(PHOTO, labels())] * 2), key((PHOTO, labels(ids=IDS[::-1])))
    assert one == again
    assert len({without.whole, one.whole, other.whole}) == 3


# ---- the embedded generator


def test_the_embedded_generator_learns_once(monkeypatch) -> None:
    looks = []

    def look(encoder, photo, prompts):
        looks.append(photo.shape)
        cells = photo.reshape(photo.shape[0] // 14, 14, photo.shape[1] // 14, 14, 3).mean((1, 3)) / 255
        return Seen((np.concatenate([cells, np.ones_like(cells)], -1).astype(np.float32),))

    monkeypatch.setattr(learned, "look", look)
    photo = np.zeros((60, 80, 3), np.uint8)
    photo[:, 40:] = 255
    truth = Labels(ids=np.where(photo[..., 0] > 0, 0, -1), classes=("light",), confidence=np.ones((60, 80), np.float32))
    model, task = PainterPredictor(Embedded()), SemanticSegmentation.of(["light"])
    before = model.identity
    for _ in range(2):
        answer = model.predict(photo[:, ::-1], task, examples=[(photo, truth)] * 2)
        assert (answer.ids == truth.ids[:, ::-1]).mean() > 0.95
    assert len(looks) == 2 + 1  # two examples, and the photo that is asked about, each once
    model.predict(photo[:, ::-1], "segment light, background", examples=[(photo, truth)])
    assert len(looks) == 3 + 2
    assert model.identity == before  # it is another painter that has learned
    taught, context = model.shown(task, [(photo, truth)])
    assert taught.identity != before
    assert context.examples == ()
