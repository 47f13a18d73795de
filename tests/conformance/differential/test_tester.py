"""The tester finds what is wrong: clients with a defect each, and one without."""

import poplib
import sys

import hypothesis
import pytest
from hypothesis import settings

from . import compare, strategies


class Module:
    """A module whose POP3 is another class, and else poplib."""

    error_proto = poplib.error_proto

    def __init__(self, cls):
        self.POP3 = cls

    @property
    def _MAXLINE(self):
        return poplib._MAXLINE

    @_MAXLINE.setter
    def _MAXLINE(self, value):
        poplib._MAXLINE = value


class Sound(poplib.POP3):
    pass


class CountsWrong(poplib.POP3):
    def _getlongresp(self):
        response, lines, octets = super()._getlongresp()
        return response, lines, octets + lines.count(b".")


class KeepsDots(poplib.POP3):
    def _getlongresp(self):
        response, lines, octets = super()._getlongresp()
        return response, [b"." + line if line[:1] == b"." else line for line in lines], octets


class StripsMuch(poplib.POP3):
    def _getline(self):
        line, octets = super()._getline()
        return line.strip(b"\r"), octets


class CountsText(poplib.POP3):
    def _getline(self):
        line, _ = super()._getline()
        return line, len(line) + 2


class SendsLf(poplib.POP3):
    def _putline(self, line):
        if self._debugging > 1:
            print("*put*", repr(line))
        sys.audit("poplib.putline", self, line)
        self.sock.sendall(line + b"\n")


class SaysNothing(poplib.POP3):
    def _putcmd(self, line):
        self._putline(bytes(line, self.encoding))


class ShowsWrong(poplib.POP3):
    def _putcmd(self, line):
        if self._debugging:
            print("*cmd*", line)
        self._putline(bytes(line, self.encoding))


class AuditsLate(poplib.POP3):
    def _putline(self, line):
        sys.audit("poplib.putline", self, line)
        if self._debugging > 1:
            print("*put*", repr(line))
        self.sock.sendall(line + b"\r\n")


class AuditsText(poplib.POP3):
    def _putline(self, line):
        if self._debugging > 1:
            print("*put*", repr(line))
        sys.audit("poplib.putline", self, bytes(line) + b"\r\n")
        self.sock.sendall(line + b"\r\n")


class RaisesText(poplib.POP3):
    def _getresp(self):
        try:
            return super()._getresp()
        except poplib.error_proto as error:
            raise poplib.error_proto(str(error.args[0])) from None


class AcceptsMuch(poplib.POP3):
    def _getresp(self):
        try:
            return super()._getresp()
        except poplib.error_proto as error:
            if isinstance(error.args[0], bytes) and not error.args[0].startswith(b"-"):
                return error.args[0]
            raise


class TakesNumbersOnly(poplib.POP3):
    def retr(self, which):
        return self._longcmd(f"RETR {which:d}")


class ListsNumbers(poplib.POP3):
    def stat(self):
        return list(super().stat())


class StaysOpen(poplib.POP3):
    def quit(self):
        return self._shortcmd("QUIT")


class ForgetsWelcome(poplib.POP3):
    def close(self):
        super().close()
        self.welcome = None


class CallsOtherwise(poplib.POP3):
    def _getresp(self):
        line = self.file.readline(poplib._MAXLINE + 1)
        if len(line) > poplib._MAXLINE:
            raise poplib.error_proto("line too long")
        if self._debugging > 1:
            print("*get*", repr(line))
        if not line:
            raise poplib.error_proto("-ERR EOF")
        line = line[:-2] if line[-2:] == b"\r\n" else line[line[:1] == b"\r" : -1]
        if self._debugging > 1:
            print("*resp*", repr(line))
        if not line.startswith(b"+"):
            raise poplib.error_proto(line)
        return line


DEFECTIVE = [
    cls
    for cls in list(vars().values())
    if isinstance(cls, type) and issubclass(cls, poplib.POP3) and cls is not Sound
]


def run(cls, count):
    module = Module(cls)

    @settings(settings.get_profile("tester"), max_examples=count)
    @hypothesis.given(strategies.examples("packets", hooked=True))
    def play(example):
        assert compare.check(module, example, owes=lambda case: None) == ("none",)

    play()


@pytest.mark.parametrize("cls", DEFECTIVE)
def test_a_defect_is_found(cls):
    with pytest.raises(compare.Unexplained) as caught:
        run(cls, 1000)
    report = str(caught.value)
    assert "  <-- differs\n" in report
    assert "to play it again:\n    Example(" in report


def test_there_are_defects():
    assert len(DEFECTIVE) > 12


def test_nothing_is_found_where_nothing_is_wrong():
    run(Sound, 100)
