"""The processor's population count in compiled loops, by numba if it is installed (the extra `fast`)."""

from __future__ import annotations

from typing import Any

import numba
from numba.extending import intrinsic


def _emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    return builder.ctpop(arguments[0])


ones_of_byte: Any = intrinsic(lambda context, x: (numba.types.uint8(numba.types.uint8), _emit))
"""Bits of a byte that are 1; the compiler turns it into one instruction for a whole vector."""
ones_of_word: Any = intrinsic(lambda context, x: (numba.types.uint64(numba.types.uint64), _emit))
"""The same for a word of 64 bits."""
