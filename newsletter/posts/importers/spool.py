"""A list whose items lie in a file without a name: what grows with an export takes no memory."""

import pickle
from array import array
from collections.abc import Iterable, Iterator
from tempfile import SpooledTemporaryFile
from typing import IO, Any, cast

IN_MEMORY = 2**20  # bytes that a short list may have before there is a file


class Spool[Item]:
    """Items in the order in which they came. They are copies: what is changed in one is changed nowhere else."""

    def __init__(self, items: Iterable[Item] = ()) -> None:
        self._file = cast("IO[bytes]", SpooledTemporaryFile(IN_MEMORY))  # noqa: SIM115  # closed when nobody has it
        self._places = array("Q")
        for item in items:
            self.append(item)

    def append(self, item: Item) -> None:
        self._places.append(self._file.seek(0, 2))
        pickle.dump(item, self._file, pickle.HIGHEST_PROTOCOL)

    def __del__(self) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, number: int) -> Item:
        self._file.seek(self._places[number])
        item: Any = pickle.load(self._file)  # noqa: S301  # nosec B301  # our own bytes, in a file that nobody else has
        return cast("Item", item)

    def __iter__(self) -> Iterator[Item]:
        return (self[number] for number in range(len(self)))
