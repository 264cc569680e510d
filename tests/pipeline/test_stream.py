"""The loop over many jobs, with painters that batch, are slow, give float, crash, lie, or die."""

from __future__ import annotations

import subprocess
import threading
import time

import numpy as np
import pytest
from PIL import Image

from plantain.errors import PainterError, PainterGone, PhotoError, PlantainError, UsageError
from plantain.models import Capabilities, Identity, Painter
from plantain.models.painters.function import Function
from plantain.models.painters.oracle import Oracle
from plantain.models.painting import Painting
from plantain.pipeline.jobs import Context, Edit, Generate, Job, Outcome, PredictOptions
from plantain.pipeline.predictor import PainterPredictor
from plantain.pipeline.stream import stream
from plantain.predictions.types import Depth
from plantain.tasks import MetricDepth
from plantain.tasks.language.parsing import parse

PHOTO = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
TALL = np.ascontiguousarray(PHOTO.transpose(1, 0, 2))


def level(value: int, shape=(20, 30)) -> np.ndarray:
    return np.full((*shape, 3), value, np.uint8)


def depth_of(value: float) -> float:
    """What `Bright` says of a photo of this level: 1 m where it is black, 9 m where it is white."""
    return 1 + 8 * value / 255


class Bright(Painter):
    """Depth that depends on the photo alone; remembers the sizes of its calls."""

    identity = Identity("bright")
    capabilities = Capabilities(batch=4)

    def __init__(self):
        self.calls, self.closed = [], False

    def canvas(self, width, height):
        return width, height

    def paint(self, requests):
        self.calls.append([request.size for request in requests])
        return [self.one(request) for request in requests]

    def one(self, request):
        return Painting(parse(request.prompt).encode(depth_of(request.photo.mean(-1))))

    def close(self):
        self.closed = True


def jobs(photos, question="metric depth"):
    return [Job(str(i), photo, question) for i, photo in enumerate(photos)]


def run(painter, photos, batch=None, **options) -> list[Outcome]:
    return list(stream(jobs(photos, **options), PainterPredictor(painter), batch))


def metres(outcome: Outcome) -> float:
    return float(np.median(outcome.unwrap().metres))


# ---- order, batches, errors


def test_order_is_kept_and_a_broken_photo_is_one_error(tmp_path) -> None:
    for name, value in (("a", 10), ("c", 200)):
        Image.fromarray(level(value)).save(tmp_path / f"{name}.png")
    (tmp_path / "b.png").write_bytes(b"junk")
    for batch in (1, 2, 5):
        first, second, third = run(Bright(), [tmp_path / f"{n}.png" for n in "abc"], batch)
        assert (first.job.id, second.job.id, third.job.id) == ("0", "1", "2")
        assert metres(first) == pytest.approx(depth_of(10), rel=0.01)
        assert metres(third) == pytest.approx(depth_of(200), rel=0.01)
        assert second.prediction is None
        assert isinstance(second.error, PhotoError)
        assert "b.png" in str(second.error)
        with pytest.raises(PhotoError):
            second.unwrap()


def test_a_painter_that_batches_gets_batches_of_one_canvas() -> None:
    painter = Bright()
    photos = [level(10 * i, (20, 30) if i % 2 else (30, 20)) for i in range(12)]
    outcomes = run(painter, photos)
    assert [metres(o) for o in outcomes] == pytest.approx([depth_of(10 * i) for i in range(12)], rel=0.01)
    assert all(len(set(call)) == 1 for call in painter.calls), "one canvas a call"
    assert max(map(len, painter.calls)) == 4, "full batches where there are enough"
    assert len(painter.calls) <= 5


def test_the_batch_is_never_larger_than_what_the_painter_takes() -> None:
    painter = Bright()
    run(painter, [PHOTO] * 6, batch=100)
    assert max(map(len, painter.calls)) == 4
    painter = Bright()
    run(painter, [PHOTO] * 6, batch=1)
    assert {len(call) for call in painter.calls} == {1}


def test_photos_are_not_mixed_where_a_painter_cannot() -> None:
    painter = Bright()
    painter.capabilities = Capabilities(batch=4, mixed_batch=False)
    list(stream([Job(str(i), PHOTO, "metric depth", PredictOptions(samples=2)) for i in range(3)],
                PainterPredictor(painter)))  # fmt: skip
    assert [len(call) for call in painter.calls] == [2, 2, 2]


class Slow(Bright):
    """Takes a tenth of a second a call; counts how many run at once."""

    capabilities = Capabilities(concurrency=8)

    def __init__(self):
        super().__init__()
        self.busy, self.most, self.lock = 0, 0, threading.Lock()

    def paint(self, requests):
        with self.lock:
            self.busy += 1
            self.most = max(self.most, self.busy)
        time.sleep(0.2)
        made = super().paint(requests)
        with self.lock:
            self.busy -= 1
        return made


def test_a_slow_painter_runs_eight_at_a_time_and_order_is_kept() -> None:
    painter = Slow()
    start = time.perf_counter()
    outcomes = run(painter, [level(8 * i) for i in range(24)])
    assert [metres(o) for o in outcomes] == pytest.approx([depth_of(8 * i) for i in range(24)], rel=0.01)
    assert painter.most == 8
    assert time.perf_counter() - start < 24 * 0.2 / 2


class Third(Bright):
    """Crashes on every third request, whatever else is in the call."""

    def paint(self, requests):
        if any(request.photo[0, 0, 0] % 3 == 2 for request in requests):
            raise RuntimeError("out of memory")
        return super().paint(requests)


@pytest.mark.parametrize("batch", [1, 4])
def test_a_crash_on_every_third_request_is_an_error_of_every_third_job(batch) -> None:
    outcomes = run(Third(), [level(i) for i in range(12)], batch)
    assert [o.error is None for o in outcomes] == [i % 3 != 2 for i in range(12)]
    assert str(outcomes[2].error) == "the painter 'bright' failed: RuntimeError: out of memory"
    assert isinstance(outcomes[2].error, PainterError)


def test_crashes_among_eight_at_a_time_are_errors_of_their_own_jobs() -> None:
    class Both(Third, Slow):
        """Slow, eight at a time, and every third crashes."""

    painter = Both()
    outcomes = run(painter, [level(i) for i in range(24)])
    assert [o.error is None for o in outcomes] == [i % 3 != 2 for i in range(24)]
    assert [metres(o) for o in outcomes if o.error is None] == pytest.approx(
        [depth_of(i) for i in range(24) if i % 3 != 2], rel=0.01
    )
    assert all("out of memory" in str(o.error) for o in outcomes[2::3])


class Dies(Bright):
    """Paints five photos and is gone."""

    def __init__(self, how):
        super().__init__()
        self.how = how

    def one(self, request):
        if request.photo[0, 0, 0] >= 5:
            raise self.how
        return super().one(request)


@pytest.mark.parametrize("how", [PainterGone("the account is empty"), SystemExit(3)])
def test_a_painter_that_dies_fails_what_remains_at_once(how) -> None:
    painter = Dies(how)
    outcomes = run(painter, [level(i) for i in range(30)], 1)
    assert [o.error is None for o in outcomes] == [i < 5 for i in range(30)]
    assert all(isinstance(o.error, PainterGone) for o in outcomes[5:])
    assert len(painter.calls) == 6, "nobody is asked any more"
    assert "account is empty" in str(outcomes[29].error) or "SystemExit: 3" in str(outcomes[29].error)


class Elsewhere(Bright):
    """Paints in a process of its own, which is killed at the fifth photo."""

    def __init__(self):
        super().__init__()
        self.process = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def one(self, request):
        if request.photo[0, 0, 0] == 5:
            self.process.kill()
            self.process.wait()
        try:
            self.process.stdin.write(request.photo.tobytes())
            self.process.stdin.flush()
        except OSError as error:
            raise PainterGone(f"its process has ended with {self.process.poll()}") from error
        content = self.process.stdout.read(request.photo.nbytes)
        photo = np.frombuffer(content, np.uint8).reshape(request.photo.shape)
        return Painting(parse(request.prompt).encode(depth_of(photo.mean(-1))))

    def close(self):
        self.process.kill()
        self.process.communicate()


@pytest.mark.parametrize("batch", [1, 4])
def test_a_painter_whose_process_is_killed_fails_what_remains_at_once(batch) -> None:
    painter = Elsewhere()
    outcomes = run(painter, [level(i) for i in range(30)], batch)
    painter.close()
    lost = 5 - 5 % batch  # the fifth photo's call, and all after it
    assert [o.error is None for o in outcomes] == [i < lost for i in range(30)]
    assert [metres(o) for o in outcomes[:lost]] == pytest.approx([depth_of(i) for i in range(lost)], rel=0.01)
    assert all(isinstance(o.error, PainterGone) and "has ended with -9" in str(o.error) for o in outcomes[lost:])
    assert len(painter.calls) == lost // batch + 1, "nobody is asked any more"


class NoCanvas(Bright):
    def canvas(self, width, height):
        if width in NO_CANVAS:
            raise NO_CANVAS[width]
        return {32: (0, 0), 33: None}.get(width, (width, height))


NO_CANVAS = {31: KeyError("no such ratio"), 34: SystemExit(3)}


def test_a_crash_of_canvas_is_one_error() -> None:
    outcomes = run(NoCanvas(), [level(9, (20, width)) for width in (30, 31, 32, 33, 34, 35)])
    assert [o.error is None for o in outcomes] == [True, False, False, False, False, True]
    told = [str(o.error) for o in outcomes[1:5]]
    assert "failed to say its canvas for 31 x 20: KeyError" in told[0]
    assert "0 x 0" in told[1]
    assert "failed to say its canvas for 33 x 20: TypeError" in told[2]
    assert "failed to say its canvas for 34 x 20: SystemExit: 3" in told[3]
    assert all(isinstance(o.error, PainterError) for o in outcomes[1:5])


WRONG = {
    "nothing": (lambda r: None, "a NoneType where a Painting was wanted"),
    "array": (lambda r: r.photo, "a ndarray where a Painting was wanted"),
    "shape": (lambda r: bare(np.zeros((4, 4), np.uint8)), "pixels of shape (4, 4)"),
    "dtype": (lambda r: bare(np.zeros((20, 30, 3), np.int64)), "pixels of int64"),
    "size": (lambda r: bare(np.zeros((20, 20, 3), np.uint8)), "20 x 20 pixels for a canvas of 30 x 20"),
    "no array": (lambda r: bare("pixels"), "pixels of shape None"),
}


def bare(pixels) -> Painting:
    """A painting whose pixels nobody has looked at, as somebody's code may make it."""
    made = object.__new__(Painting)
    object.__setattr__(made, "pixels", pixels)
    return made


@pytest.mark.parametrize(("wrong", "told"), WRONG.values(), ids=WRONG)
def test_a_wrong_return_value_is_one_error(wrong, told) -> None:
    class Wrong(Bright):
        def one(self, request):
            return wrong(request) if request.photo[0, 0, 0] == 7 else super().one(request)

    outcomes = run(Wrong(), [level(6), level(7), level(8)])
    assert [o.error is None for o in outcomes] == [True, False, True]
    assert told in str(outcomes[1].error)


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize(
    ("wrong", "told"),
    [(lambda made: made[1:], "gave 0 paintings for 1"), (lambda made: made * 2, "gave 2 paintings for 1"),
     (lambda made: None, "failed: TypeError: 'NoneType' object is not iterable")], ids=["few", "many", "none"],
)  # fmt: skip
def test_a_wrong_count_is_one_error(wrong, told, batch) -> None:
    class Miscounts(Bright):
        def paint(self, requests):
            made = super().paint(requests)
            return made if all(r.photo[0, 0, 0] != 7 for r in requests) else wrong(made)

    outcomes = run(Miscounts(), [level(6), level(7), level(8)], batch)
    assert [o.error is None for o in outcomes] == [True, False, True]
    assert str(outcomes[1].error) == f"the painter 'bright' {told}"
    assert [metres(o) for o in (outcomes[0], outcomes[2])] == pytest.approx([depth_of(6), depth_of(8)], rel=0.01)


def test_a_float_painting_is_decoded_before_any_rounding() -> None:
    """0.1 of a level of 8 bits is told apart: 256 levels of log-gray over 0.1 to 200 m are 3 % each, 65,536 are not."""
    far = np.linspace(5.0, 5.1, 60 * 80, dtype=np.float32).reshape(60, 80)
    shade = np.log(far / 0.1) / np.log(200 / 0.1)

    def paint(photo, prompt, seed):
        return np.repeat(shade[..., None], 3, -1)

    (outcome,) = stream([Job("a", PHOTO, MetricDepth(code="log-gray"))], PainterPredictor(Function(paint)))
    assert outcome.unwrap().painting.pixels.dtype == np.float32
    assert np.abs(outcome.unwrap().metres / far - 1).max() < 1e-3
    rounded = MetricDepth(code="log-gray").decode(np.round(np.repeat(shade[..., None], 3, -1) * 255).astype(np.uint8))
    assert np.abs(rounded.metres / far - 1).max() > 5e-3


# ---- what is bounded, and what ends


def test_only_a_little_is_read_ahead() -> None:
    taken = []

    def many():
        for i in range(50):
            taken.append(i)
            yield Job(str(i), PHOTO, "metric depth")

    painter = Bright()
    painter.capabilities = Capabilities()
    outcomes = stream(many(), PainterPredictor(painter))
    next(outcomes)
    assert len(taken) <= 6
    outcomes.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("plantain-")]


def test_the_stages_overlap() -> None:
    """Reading, painting and decoding take 0.1 s each; one after another 12 photos would take 3.6 s."""

    class Sleepy(Bright):
        capabilities = Capabilities()

        def paint(self, requests):
            time.sleep(0.1)
            return super().paint(requests)

    class SlowlyDecoded(MetricDepth):
        def _decode(self, rgb):
            time.sleep(0.1)
            return super()._decode(rgb)

    def photo():
        time.sleep(0.1)
        return level(50)

    start = time.perf_counter()
    outcomes = list(
        stream([Job(str(i), photo, SlowlyDecoded(code="cube")) for i in range(12)], PainterPredictor(Sleepy()))
    )
    assert all(o.error is None for o in outcomes)
    assert time.perf_counter() - start < 2.7


def test_a_fault_of_our_own_is_one_error_with_its_cause() -> None:
    class Broken(MetricDepth):
        def _decode(self, rgb):
            raise ZeroDivisionError("by nought")

    broken, good = stream([Job("0", PHOTO, Broken()), Job("1", PHOTO, "metric depth")], PainterPredictor(Bright()))
    assert isinstance(broken.error, PlantainError)
    assert isinstance(broken.error.__cause__, ZeroDivisionError)
    assert good.error is None


def test_closing_closes_the_painter() -> None:
    with PainterPredictor(Bright()) as model:
        assert model.predict(PHOTO, "metric depth").metres.shape == (60, 80)
    assert model.painter.closed


# ---- other questions


def test_edits_pictures_and_questions_in_one_stream() -> None:
    def paint(photo, prompt, seed):
        return np.full((64, 96, 3), seed, np.uint8) if photo is None else 255 - photo

    model = PainterPredictor(Function(paint))
    asked = [Job("a", PHOTO, Edit("negative")), Job("b", None, Generate("a chair"), PredictOptions(seed=7))]
    edited, made = (o.unwrap() for o in stream(asked, model))
    assert np.array_equal(edited.rgb, 255 - PHOTO)
    assert (made.rgb == 7).all()
    assert (edited.task, made.task) == ("edit", "generate")


def test_examples_are_shown_beside_the_photo() -> None:
    seen = []

    class Few(Bright):
        capabilities = Capabilities(max_images=3)

        def one(self, request):
            seen.append([picture.shape for picture in request.images])
            return super().one(request)

    pair = (level(1, (10, 10)), level(2, (10, 10)))
    one, two = stream(
        [Job("0", PHOTO, "metric depth", context=Context((pair,))),
         Job("1", PHOTO, "metric depth", context=Context((pair, pair)))],
        PainterPredictor(Few()),
    )  # fmt: skip
    assert one.error is None
    assert seen == [[(60, 80, 3)] * 3]
    assert isinstance(two.error, UsageError)
    assert "takes 3 at most" in str(two.error)


@pytest.mark.parametrize("options", [{"samples": 2.5}, {"samples": True}, {"smaples": 2}])
def test_options_that_are_none(options) -> None:
    with pytest.raises(UsageError, match="samples"):
        PainterPredictor(Bright()).predict(PHOTO, "metric depth", **options)


# ---- outcomes as JSON


def test_an_outcome_there_and_back(tmp_path) -> None:
    Image.fromarray(level(10)).save(tmp_path / "a.png")
    good, bad = run(Bright(), [str(tmp_path / "a.png"), str(tmp_path / "none.png")])
    record = good.to_json()
    assert record["image"] == str(tmp_path / "a.png")
    assert (record["task"], record["model"]) == ("metric-depth", "bright")
    assert 0 < record["confidence"] <= 1
    assert Outcome.from_json(record).to_json() == record
    told = bad.to_json()
    assert told["error_type"] == "PhotoError"
    back = Outcome.from_json(told)
    assert isinstance(back.error, PhotoError)
    assert str(back.error) == str(bad.error)
    assert back.to_json() == told


def test_the_oracle_batches() -> None:
    truth = Depth(values=np.full((60, 80), 3.0, np.float32), valid=np.ones((60, 80), bool),
                  confidence=np.ones((60, 80), np.float32))  # fmt: skip
    assert [metres(o) for o in run(Oracle(truth), [PHOTO] * 5)] == pytest.approx([3.0] * 5, rel=0.01)
