"""A batch on a Ray cluster: Ray Data gives chunks of pictures to a pool of actors, each a driver with one worker of its
own, so that poison is met as everywhere else. An actor that is killed is started again and given its chunk once more;
what it had answered already lies in the store, which every node must see (a shared file system)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from plantain.batch.driver import Driver, Patience
from plantain.batch.sources import Source
from plantain.batch.worker import Order
from plantain.errors import MissingExtra, PainterGone, PlantainError, UsageError

CHUNK = 64  # pictures that an actor is given at a time
LOCAL = "local"
AGAIN = -1  # Ray's word for: as often as needed


class Asker:
    """What an actor does with a chunk: a dict of columns in, JSON lines out."""

    def __init__(self, order: Order, patience: Patience) -> None:
        self.order, self.patience, self.driver = order, patience, Driver(order, 1, patience)

    def __call__(self, chunk: dict[str, Any]) -> dict[str, list[str]]:
        sources = [Source(**json.loads(one)) for one in chunk["source"]]
        model = json.dumps(self.driver.model)
        lines = [json.dumps(told.line) for told in self.driver.outcomes(sources)]
        return {"line": lines, "model": [model] * len(lines)}


def outcomes(
    order: Order, sources: Iterable[Source], actors: int, address: str, patience: Patience
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """The line of every picture, as it comes, and who answered.

    `address`: "local", or that of a cluster. MissingExtra; UsageError where there is no cluster; PainterGone."""
    try:
        import ray
        from ray.data import ActorPoolStrategy, DataContext
    except ImportError as error:
        raise MissingExtra("ray", "ray") from error
    try:
        where = {"address": LOCAL, "num_cpus": actors + 1} if address == LOCAL else {"address": address}
        ray.init(log_to_driver=False, include_dashboard=False, **where)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise UsageError(f"no Ray cluster at {address}: {str(error).splitlines()[0]}") from error
    try:
        DataContext.get_current().enable_progress_bars = False
        rows = [{"source": json.dumps(asdict(one))} for one in sources]
        parts = max(actors, -(-len(rows) // CHUNK))
        asked = ray.data.from_items(rows, override_num_blocks=parts).map_batches(
            Asker,
            fn_constructor_args=(order, patience),
            batch_size=CHUNK,
            compute=ActorPoolStrategy(size=actors),
            num_cpus=1,
            max_restarts=AGAIN,
            max_task_retries=AGAIN,
        )
        for row in asked.iter_rows():
            yield json.loads(row["line"]), json.loads(row["model"])
    except PlantainError:
        raise
    except ray.exceptions.RayError as error:
        raise PainterGone(f"Ray gave up: {str(error).strip().splitlines()[-1]}; the same command goes on") from error
    finally:
        ray.shutdown()
