"""What jaxtyping's import hook puts on every function: beartype, but for methods that speak of `Self`.

beartype knows `typing.Self` only on whole classes, and the hook decorates methods one by one."""

from typing import Any

from beartype import BeartypeConf, beartype
from beartype.roar import BeartypeDecorHintPep673Exception

strict = beartype(conf=BeartypeConf(is_pep484_tower=True))  # an int is a float, as type checkers have it


def checked(thing: Any) -> Any:
    try:
        return strict(thing)
    except BeartypeDecorHintPep673Exception:
        return thing
