# The part of dask.distributed that examples/cluster.py uses; its own types are weaker.
from concurrent.futures import Executor
from types import TracebackType

from typing_extensions import Self

class Client:
    def __init__(self, address: str | None = None) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...
    def get_executor(self, *, pure: bool) -> Executor: ...
