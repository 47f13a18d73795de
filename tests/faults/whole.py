"""What the tests of whole messages share."""

import pytest
from scripted import Raw

from .support import WAYS

by_any = pytest.mark.parametrize("cls", WAYS)


def message(data, status=b"+OK"):
    return Raw(status + b"\r\n" + data + b".\r\n")


LARGE = b"".join(b"%07d\r\n" % number for number in range(200_000))


class Writer:
    def __init__(self, answer=lambda data: len(data)):
        self.answer = answer
        self.blocks = []

    def write(self, data):
        assert type(data) is bytes and data
        result = self.answer(data)
        self.blocks.append(data[:result])
        return result


class Failure(Exception):
    pass


def fail(data):
    raise Failure
