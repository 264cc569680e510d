"""Who gives pictures to workers. Each has as many in hand as keep it busy: the input is never ahead of the work.

A worker that dies loses what it had in hand. Any of it may be to blame, so each is tried alone; a picture that ends a
worker twice while it is alone is poison: it is recorded as failed, and passed over. What the painter failed at is tried
again `retries` times. A photo that cannot be read stays unreadable: once is enough."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from typing import Any

from plantain.batch.sources import Source
from plantain.batch.worker import Failed, Order, Ready, Told, work
from plantain.errors import OutputError, PainterError, PainterGone, PlantainError

STRIKES = 2  # workers that a picture may end, being alone with them
STARTS = 3  # of workers, one after the other, without a single answer
WAIT_S = 1.0


@dataclass(frozen=True)
class Patience:
    """`retries`: of what the painter failed at. `seconds`: in which a worker must say something."""

    retries: int = 1
    seconds: float = 600.0


@dataclass(eq=False)
class Hand:
    """A worker and what it has in hand, by id."""

    process: Any
    line: Connection
    window: int = 0
    inside: dict[str, Source] = field(default_factory=dict)
    alone: bool = False
    heard: float = field(default_factory=time.monotonic)


class Driver:
    """The workers of one run. Closing it ends them."""

    def __init__(self, order: Order, workers: int, patience: Patience = Patience()) -> None:
        self.order, self.patience, self.context = order, patience, get_context("spawn")
        self.strikes: dict[str, int] = {}
        self.tries: dict[str, int] = {}
        self.suspects: deque[Source] = deque()
        self.again: deque[Source] = deque()
        self.fruitless = 0
        self.model: dict[str, Any] | None = None
        self.hands = [self._hire() for _ in range(workers)]
        try:
            self._first_word()
        except BaseException:
            self.close()
            raise

    def _hire(self) -> Hand:
        ours, theirs = self.context.Pipe()
        process = self.context.Process(target=work, args=(self.order, theirs), daemon=True)
        process.start()
        theirs.close()
        return Hand(process, ours)

    def _first_word(self) -> None:
        """Waits until one worker is ready. Raises what hinders it."""
        while self.model is None:
            for _ in self._hear():
                pass

    def close(self) -> None:
        for hand in self.hands:
            hand.line.close()
        for hand in self.hands:
            hand.process.join(5 if hand.window else 0)  # one that is not ready yet has nothing to finish
            if hand.process.is_alive():
                hand.process.kill()

    # ---- the loop

    def outcomes(self, sources: Iterable[Source]) -> Iterator[Told]:
        """What became of every picture, as it comes; the last word about each, once."""
        rest = iter(sources)
        ended = False
        while True:
            ended = self._give(rest, ended)
            if ended and not (self.suspects or self.again or any(hand.inside for hand in self.hands)):
                return
            yield from self._hear()

    def _give(self, rest: Iterator[Source], ended: bool) -> bool:
        """Fills the hands; True once there is nothing new to give."""
        for hand in self.hands:
            if self.suspects and hand.window and not hand.inside:
                hand.alone = True
                self._hand(hand, self.suspects.popleft())
            while hand.window and not hand.alone and not self.suspects and len(hand.inside) < hand.window:
                source = self.again.popleft() if self.again else next(rest, None)
                if source is None:
                    ended = True
                    break
                self._hand(hand, source)
        return ended

    def _hand(self, hand: Hand, source: Source) -> None:
        if not hand.inside:
            hand.heard = time.monotonic()
        hand.inside[source.id] = source
        with suppress(OSError):  # it has died: that is seen when it is listened to
            hand.line.send(source)

    def _hear(self) -> Iterator[Told]:
        """What workers say, and who of them has died or hangs."""
        lines: dict[Any, Hand] = {hand.line: hand for hand in self.hands}
        for line in wait(list(lines), WAIT_S):
            hand = lines[line]
            try:
                word = hand.line.recv()
            except (EOFError, OSError):
                yield from self._bury(hand)
                continue
            hand.heard = time.monotonic()
            yield from self._take(hand, word)
        for hand in list(self.hands):
            if hand.inside and time.monotonic() - hand.heard > self.patience.seconds:
                hand.process.kill()
                yield from self._bury(hand)

    def _take(self, hand: Hand, word: Ready | Failed | Told) -> Iterator[Told]:
        if isinstance(word, Failed):
            raise word.error
        if isinstance(word, Ready):
            self.model, hand.window = dict(word.model), word.window
            return
        source = hand.inside.pop(word.source.id)
        hand.alone = False
        if isinstance(word.error, OutputError):
            raise word.error
        if isinstance(word.error, PainterGone):
            self.again.append(source)
            self._end_of_model(hand, word.error)
            return
        tries = self.tries[source.id] = self.tries.get(source.id, 0) + 1
        if _may_pass(word.error) and tries <= self.patience.retries:
            self.again.append(source)
            return
        self.tries.pop(source.id, None)
        self.fruitless = 0
        yield word

    def _end_of_model(self, hand: Hand, error: PainterGone) -> None:
        """A worker whose painter cannot paint any more is replaced; raises the error where that does not help."""
        self.again.extend(hand.inside.values())
        hand.inside.clear()
        self._replace(hand, error)

    def _bury(self, hand: Hand) -> Iterator[Told]:
        """A worker has died with what it had in hand."""
        lost = list(hand.inside.values())
        if hand.alone and lost:
            yield from self._strike(lost[0])
        else:
            self.suspects.extend(lost)
        text = "workers end before they answer anything; try one picture with plantain predict"
        self._replace(hand, PainterGone(text))

    def _strike(self, source: Source) -> Iterator[Told]:
        count = self.strikes[source.id] = self.strikes.get(source.id, 0) + 1
        self.fruitless = 0  # the picture is to blame, not the model
        if count < STRIKES:
            self.suspects.append(source)
            return
        text = f"{source.image} ended {count} workers one after the other; it is passed over"
        yield told_poison(source, PainterError(text))

    def _replace(self, hand: Hand, error: PlantainError) -> None:
        hand.line.close()
        hand.process.join(5)
        if hand.process.is_alive():
            hand.process.kill()
        self.fruitless += 1
        if self.fruitless > STARTS * len(self.hands):
            raise error
        self.hands[self.hands.index(hand)] = self._hire()


def told_poison(source: Source, error: PainterError) -> Told:
    """The line of a picture that is passed over."""
    line = {"id": source.id, "image": source.image, "quarantined": True}
    return Told(source, line | {"error": str(error), "error_type": "PainterError"}, error)


def _may_pass(error: PlantainError | None) -> bool:
    """Whether another try may help: painters fail now and then; photos do not get better."""
    return isinstance(error, PainterError) or type(error) is PlantainError
