"""The shop, empty, on each database."""

from collections.abc import Iterator

import pytest

from tests.lake import Lake
from tests.subtask import shop


@pytest.fixture
def lake(db_url: str) -> Iterator[Lake]:
    """Return a lake with the shop's streams and no data."""
    shop.Tool.reset()
    lake = Lake(db_url, "market", shop.STREAMS, shop.Board, shop.DOMAIN)
    yield lake
    lake.store.close()
