"""A plugin of pytest: the fixture pop3_server, a POP3 server for a test.

pytest imports this module in each of its runs, whatever is tested. So the module is outside the
package, and imports the package only if a test uses the fixture.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from poplib_c.testing import POP3Server


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "pop3_server(messages=(), **options): what the fixture pop3_server passes to "
        "poplib_c.testing.POP3Server; the nearest marker wins for each argument",
    )


@pytest.fixture
def pop3_server(request: pytest.FixtureRequest) -> Iterator[POP3Server]:
    """A poplib_c.testing.POP3Server, started; it stops after the test.

    ``@pytest.mark.pop3_server(messages, users={"alice": "secret"})`` gives its arguments; a test
    adds to, or replaces, those of its class and module. Without the marker the maildrop is empty,
    and the server accepts any user and password.
    """
    from poplib_c.testing import POP3Server

    options: dict[str, Any] = {}
    for marker in reversed([*request.node.iter_markers("pop3_server")]):
        if marker.args:
            (options["messages"],) = marker.args
        options.update(marker.kwargs)
    with POP3Server(**options) as server:
        yield server
