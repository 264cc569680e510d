"""Array shapes for annotations: jaxtyping where it is installed (tests check them), else plain stand-ins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int, Shaped, UInt8
else:
    try:
        from jaxtyping import Bool, Float, Int, Shaped, UInt8
    except ImportError:

        class _Any:
            def __class_getitem__(cls, item: Any) -> Any:
                return Any

        Bool = Float = Int = Shaped = UInt8 = _Any

__all__ = ["Bool", "Float", "Int", "Shaped", "UInt8"]
