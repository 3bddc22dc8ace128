"""What happens to files on their way."""

from __future__ import annotations

import random


def corrupted(whole: bytes, draw: random.Random) -> bytes:
    """One of the things that happen to files."""
    data, at = bytearray(whole), draw.randrange(len(whole))
    match draw.randrange(6):
        case 0:
            data[at] ^= 1 << draw.randrange(8)
        case 1:
            del data[at:]
        case 2:
            del data[at : at + draw.randrange(1, 50)]
        case 3:
            data[at : at + 8] = draw.randbytes(8)
        case 4:
            data[at:at] = draw.randbytes(draw.randrange(1, 50))
        case 5:
            end = draw.randrange(len(whole))
            data[at : at + 200] = data[end : end + 200]
    return bytes(data)
