"""A secret, and whether somebody who handles exceptions can find it in one."""

import os

SECRET = "correct horse"

_TESTS = os.path.dirname(os.path.abspath(__file__))


def _exceptions(error):
    """The exception, and those that it came from."""
    seen = []
    pending = [error]
    while pending:
        error = pending.pop()
        if error is not None and error not in seen:
            seen.append(error)
            pending += [error.__cause__, error.__context__]
    return seen


def _locals(error, tests_too):
    traceback = error.__traceback__
    while traceback is not None:
        frame = traceback.tb_frame
        if tests_too or not frame.f_code.co_filename.startswith(_TESTS):
            for name, value in frame.f_locals.items():
                yield f"{name} in {frame.f_code.co_name}()", value
        traceback = traceback.tb_next


def places_of_secret(error, tests_too=False):
    """Where the secret is to be seen: in texts, and in the variables of frames.

    The frames of tests count only if *tests_too*.
    """
    places = []
    for each in _exceptions(error):
        for text in (str(each), repr(each), repr(vars(each))):
            if SECRET in text:
                places.append(text)
        places += [where for where, value in _locals(each, tests_too) if SECRET in repr(value)]
    return places
