"""The rules of the house, as assertions over the source files.

Each rule looks at one C file and comes with snippets that break it, so that it is known to be
able to fail.
"""

import re

import pytest
from csource import FOLDERS, ROOT, Source, read_sources

# Files that alone write what a connection is in the midst of, and how others would.
HOMES_OF_STATE = {
    "binding/reader/progress": r"progress(\.\w+)*|foreign|ahead\.\w+|step|why|broken_by|mixed_up"
    r"|unanswered|life|closer|phase|sasl|reply_(limit|rule)|needs_answers|is_(challenged|logged_in)",
    "binding/reader/held": r"(?<=reader->)held",
    "binding/dialogue/pipeline_probe": r"(?<=reader->)ability",
    "core/net/link_pump": r"ends(\.\w+)?",
}
PARTS = {"link_pump": "link"}  # Files of core without a header of their own.
SANS_IO_HEADERS = {
    *["assert.h", "limits.h", "stdbool.h", "stddef.h", "stdint.h", "stdlib.h", "string.h"],
}
MUTABLE_IN_CPYTHON = {
    *["PyMethodDef", "PyGetSetDef", "PyMemberDef", "PyType_Slot", "PyType_Spec"],
    *["PyModuleDef", "PyModuleDef_Slot"],
}


RULES = []


def rule(*broken_by):
    """Registers a checker: Source -> (line, message) of each violation.

    broken_by: (path, text) of files that break it.
    """

    def register(checker):
        RULES.append(pytest.param(checker, broken_by, id=checker.__name__))
        return checker

    return register


@rule(
    ("core/proto/scan.c", "#include <Python.h>\n"),
    ("core/proto/scan.h", '#include "Python.h"\n'),
    ("core/proto/scan.c", "int\npop_scan_x(PyObject *x)\n{\n}\n"),
    ("core/proto/scan.c", "#define X Py_None\n"),
)
def core_knows_no_python(source):
    if source.room == "core":
        yield from ((line, name) for line, name in source.includes if "Python.h" in name)
        yield from source.find(r"\b_?P[yY]_?[A-Z]\w*")


@rule(
    ("core/proto/scan.c", "static int count;\n"),
    ("core/proto/scan.c", "int count = 0;\n"),
    ("core/proto/scan.h", "extern int count;\n"),
    ("core/proto/scan.c", "static const char *name = 0;\n"),
    ("core/proto/scan.c", "static struct pop_span spans[2] = {{0, 0}};\n"),
    ("core/proto/scan.c", "static void (*hook)(int);\n"),
    ("core/proto/scan.c", "int\nf(void)\n{\n    static int count = 0;\n    return 1;\n}\n"),
    ("binding/client/pop3.c", "static PyObject *cache;\n"),
    ("binding/client/pop3.c", "static struct pop_link link;\n"),
)
def no_mutable_variable(source):
    for variable in source.variables():
        known = source.room == "binding" and MUTABLE_IN_CPYTHON & {*variable.plain.split()}
        if not variable.is_const and not known:
            yield variable.line, variable.plain


@rule(
    ("binding/client/pop3.c", "static PyTypeObject type = {0};\n"),
    ("binding/client/pop3.c", "static PyObject *const none = 0;\n"),
    ("binding/client/pop3.c", "int\nf(void)\n{\n    static PyObject *x;\n    return 1;\n}\n"),
    ("binding/client/pop3.c", "int\nf(void)\n{\n    return PyType_Ready(x);\n}\n"),
    ("binding/module/module.c", "int\nf(void)\n{\n    return PyModule_Create(x);\n}\n"),
)
def heap_types_and_multi_phase_init(source):
    for variable in source.variables():
        if re.search(r"\bPy(Type)?Object\b", variable.plain):
            yield variable.line, variable.plain
    yield from source.find(r"\bPy(Type_Ready|Module_Create2?)\b")


@rule(
    ("core/proto/scan.c", "#include <sys/socket.h>\n"),
    ("core/proto/pipeline.h", "#include <poll.h>\n"),
    ("core/proto/buffer.c", "#include <unistd.h>\n"),
    ("core/proto/reply.c", '#include "core/net/transport.h"\n'),
    ("core/proto/command.c", "int\nf(void)\n{\n    return send(1, 0, 0, 0);\n}\n"),
    ("core/proto/reply.c", "int\nf(void)\n{\n    return transport->ops->recv (x);\n}\n"),
)
def parsers_do_no_io(source):
    if source.folder == "core/proto":
        yield from (
            include
            for include in source.includes
            if include[1] not in SANS_IO_HEADERS and not include[1].startswith("core/proto/")
        )
        yield from source.find(
            r"\b(recv|send|read|write|poll|select|f?printf|puts)(v|to|msg)?\s*\("
        )


@rule(
    ("core/net/link.c", "#include <openssl/ssl.h>\n"),
    ("core/tls/tls_config.h", "#include <openssl/ssl.h>\n"),
    ("binding/commands/apop.c", '#include "openssl/err.h"\n'),
)
def openssl_has_its_rooms(source):
    if not re.fullmatch(r"core/tls/\w+\.c", source.path):
        yield from (include for include in source.includes if include[1].startswith("openssl/"))


@rule(
    *[
        ("binding/client/pop3.c", f"int\nf(void)\n{{\n    {name}(x);\n}}\n")
        for name in ["PyEval_SaveThread", "PyEval_ReleaseThread", "PyThreadState_Swap"]
    ],
    ("binding/reader/reader.c", "int\nf(void)\n{\n    Py_BEGIN_ALLOW_THREADS\n    g();\n}\n"),
    ("binding/reader/reader.h", "#define DETACH Py_UNBLOCK_THREADS\n"),
)
def interpreter_is_detached_in_io_only(source):
    if source.path != "binding/base/lock.c":
        yield from source.find(
            r"\b(Py_(BEGIN|END)_ALLOW_THREADS|Py_(UN)?BLOCK_THREADS|PyThreadState_Swap"
            r"|PyEval_(Save|Restore|Acquire|Release)(Thread|Lock))\b"
        )


@rule(
    ("binding/client/pop3.c", "int\nf(void)\n{\n    return _PyType_Lookup(x, y) != NULL;\n}\n"),
    ("binding/client/overrides.h", "#define GONE _Py_IsFinalizing\n"),
    ("binding/reader/reader.c", "#include <structmember.h>\n"),
    ("binding/reader/reader.c", "static const int kinds[] = {T_PYSSIZET, READONLY};\n"),
)
def private_api_is_in_pycompat_only(source):
    if source.path != "binding/base/pycompat.h":
        yield from (include for include in source.includes if include[1] == "structmember.h")
        # The underscore of that one is its documented name.
        yield from source.find(r"\b_Py(?!Bytes_Resize\b)\w+|\b(T_[A-Z]{3,}\w*|READONLY)\b")


@rule(("binding/client/pop3.c", "int\nf(void)\n{\n    PyErr_Clear();\n    return 0;\n}\n"))
def exceptions_are_cleared_by_type(source):
    if source.path not in {"binding/base/errors.c", "binding/base/pycompat.h"}:
        yield from source.find(r"\bPyErr_Clear\b")


@rule(("binding/client/pop3.c", "int\nf(void)\n{\n    return g((char **)&span.text);\n}\n"))
def pointers_to_pointers_are_not_cast(source):
    yield from source.find(r"\((const )?(struct )?\w+ \*\*\)\s*[&\w]")


@rule(
    ("binding/dialogue/getresp.c", "int\nf(void)\n{\n    self->progress.phase = PHASE_REST;\n}\n"),
    ("binding/reader/stream.c", "int\nf(void)\n{\n    reader->progress.unanswered++;\n}\n"),
    ("binding/reader/stream.c", "int\nf(void)\n{\n    ++stream->unanswered;\n}\n"),
    ("binding/dialogue/putcmd.c", "int\nf(void)\n{\n    stream->step = STEP_IN;\n}\n"),
    ("binding/messages/retr_bytes.c", "int\nf(void)\n{\n    *stream = reader->progress;\n}\n"),
    ("binding/messages/bulk.c", "int\nf(void)\n{\n    reader->progress.ahead.count = 0;\n}\n"),
    ("binding/reader/stream.c", "int\nf(void)\n{\n    pop_pipeline_begin(ahead);\n}\n"),
    ("binding/dialogue/pipeline.c", "int\nf(void)\n{\n    reader->held = NULL;\n}\n"),
    ("binding/messages/bulk.c", "int\nf(void)\n{\n    reader->ability = READER_ABLE;\n}\n"),
    ("binding/reader/held.c", "int\nf(void)\n{\n    link->ends.doubtful |= true;\n}\n"),
)
def state_is_written_in_its_home_only(source):
    for home, fields in HOMES_OF_STATE.items():
        if f"{source.folder}/{source.stem}" != home:
            place = rf"[\w\])](->|\.)({fields})"
            yield from source.find(rf"{place}\s*(=(?!=)|[-+*/&|^]=|\+\+|--)")
            yield from source.find(rf"(\+\+|--)\w+{place}\b(?![.-])")
    if source.room == "binding" and source.stem != "progress":
        yield from source.find(r"\bpop_pipeline_begin\b|[;{}]\s*\*(stream|command)\s*=(?!=)")


@rule(
    ("binding/client/pop3.c", '#include "core/proto/scan.c"\n'),
    ("binding/client/pop3.c", "#include <core/proto/scan.c>\n"),
    ("binding/client/pop3.c", '#include "pop3.h"\n'),
    ("binding/client/pop3.c", '#include "core/nosuch.h"\n'),
)
def includes_name_room_and_header(source):
    for line, name in source.includes:
        exists = (ROOT / "_cpoplib" / name).is_file()
        if name.endswith(".c") or (name in source.quoted and not exists):
            yield line, name


@rule(
    ("core/net/link.c", '#include "binding/base/lock.h"\n'),
    ("core/proto/scan.h", '#include "core/net/wait.h"\n'),
    ("binding/base/errors.h", '#include "binding/client/pop3.h"\n'),
    ("binding/reader/stream.c", '#include "binding/dialogue/held.h"\n'),
    ("binding/novel/x.h", "int x;\n"),
    ("binding/x.h", "int x;\n"),
)
def arrows_between_folders_point_down(source):
    if source.folder not in FOLDERS:
        yield 1, f"{source.folder} has no place in FOLDERS"
        return
    below = FOLDERS[FOLDERS.index(source.folder) :]
    for line, include in source.includes:
        if include in source.quoted and include.rpartition("/")[0] not in below:
            yield line, include


@rule(
    ("binding/client/pop3.c", "#define CHECK(x) if (x) return NULL\n"),
    ("core/proto/scan.c", "#define CHECK(x) \\\n    if (x) { \\\n        goto done; \\\n    }\n"),
    ("core/proto/scan.h", "#define STOP break\n"),
    ("core/proto/scan.h", "# define NEXT continue\n"),
    ("core/proto/scan.h", "#define F(x) { return x; }\n"),
)
def macros_do_not_jump(source):
    """But a macro may define a function, which returns."""
    for line, text in source.directives:
        is_function = re.match(r"#define \w+\([^)]*\)[\s\\]*static\b[^;]*\{", text)
        if not is_function and re.match(
            r"\s*#\s*define\b.*\b(return|goto|break|continue)\b", text, re.DOTALL
        ):
            yield line, text.splitlines()[0]


@rule(
    ("binding/base/lock.c", "int\nf(void)\n{\n    PyErr_SetFromErrno(x);\n}\n"),
    ("binding/base/lock.c", "int\nf(void)\n{\n    PyErr_SetFromErrnoWithFilename(x, y);\n}\n"),
    (
        "binding/base/lock.c",
        'int\nf(void)\n{\n    PyErr_SetString(\n        PyExc_OSError, "");\n}\n',
    ),
    ("binding/base/lock.c", "int\nf(void)\n{\n    PyErr_Format(state->error_proto, x);\n}\n"),
    ("binding/base/lock.c", "int\nf(void)\n{\n    PyErr_SetNone(PyExc_TimeoutError);\n}\n"),
    ("binding/base/lock.c", "int\nf(void)\n{\n    errno = error.sys;\n}\n"),
)
def only_errors_raises_for_core(source):
    if source.room == "binding" and source.stem != "errors":
        yield from source.find(r"\bPyErr_SetFromErrno\w*|\berrno\s*=[^=][^;]*")
        yield from source.find(
            r"\bPyErr_(Set\w+|Format)\s*\(\s*"
            r"(PyExc_(OS|IO|Timeout|Connection\w*|BrokenPipe)Error|\w+->error_proto)\b"
        )


@rule(
    (
        "core/proto/scan.c",
        "int\nf(void)\n{\nagain:\n    if (g()) {\n        goto again;\n    }\n}\n",
    ),
    (
        "core/proto/scan.c",
        "int\nf(void)\n{\n    goto a;\n    goto b;\na:\n    g();\nb:\n    return 1;\n}\n",
    ),
)
def one_cleanup_label_and_forward_gotos(source):
    for function in source.functions:
        label = re.compile(r"^[ \t]*(?!default\b)(\w+)[ \t]*:", re.MULTILINE)
        labels = {match[1]: match.start() for match in label.finditer(function.body)}
        if len(labels) > 1:
            yield function.line, f"{function.name}() has the labels {', '.join(labels)}"
        for match in re.finditer(r"\bgoto\s+(\w+)", function.body):
            if labels.get(match[1], 0) < match.start():
                yield function.line, f"{function.name}() goes back to {match[1]}"


@rule(
    ("core/proto/scan.c", "int\nscan_line(void)\n{\n}\n"),
    ("core/proto/scan.c", "int\npop_reply_scan(void)\n{\n}\n"),
    ("core/proto/buffer.h", "static inline int\nbuffer_room(void)\n{\n}\n"),
    ("core/proto/scan.h", "int scan_line(void);\n"),
)
def public_names_of_core_begin_with_their_file(source):
    if source.room != "core" or source.stem == "mem":
        return
    prefix = f"pop_{PARTS.get(source.stem, source.stem)}_"
    for declaration in source.declarations:
        if declaration.is_variable or not re.match(r"(?!typedef)[^(]*\w\(", declaration.head):
            continue
        private = declaration.is_static and source.suffix == "c"
        if not private and not re.match(rf"{prefix}|pop_command$", declaration.name):
            yield declaration.line, f"{declaration.name} does not begin with {prefix}"


@rule(
    ("core/proto/scan.h", "#define POP_SCAN_H\n#endif\n"),
    ("core/proto/scan.h", "#ifndef POP_SCAN_H\n#define POP_SCAN\n#endif\n"),
    (
        "core/proto/scan.h",
        "#ifndef POP_SCAN_H\n#define POP_SCAN_H\n#endif\nint pop_scan_x(void);\n",
    ),
    ("core/proto/scan.h", "#ifndef POP_REPLY_H\n#define POP_REPLY_H\n#endif\n"),
    ("binding/base/lock.h", "#pragma once\n"),
)
def headers_have_include_guards(source):
    guards = {"core": "POP_", "binding": "BINDING_", "benchmarks": "BENCH_"}
    guard = guards.get(source.room, "POP_TEST_")
    guard += f"{source.stem.upper()}_H"
    form = rf"\s*#ifndef {guard}\n#define {guard}\n.*\n#endif\s*"
    if source.suffix == "h" and not re.fullmatch(form, source.code, re.DOTALL):
        yield 1, f"is not guarded by {guard}"


@rule(
    ("core/proto/scan.c", '#include <string.h>\n\n#include "core/proto/scan.h"\n'),
    ("core/net/transport_fd.c", '#include <errno.h>\n#include "core/net/transport.h"\n'),
    ("core/proto/scan.c", "int x;\n"),
)
def core_files_include_their_own_header_first(source):
    if source.room == "core" and source.suffix == "c":
        own = f"{source.folder}/{PARTS.get(source.stem, source.stem)}.h"
        if source.stem.startswith("transport_"):
            own = "core/net/transport.h"
        if [name for _, name in source.includes][:1] != [own]:
            yield 1, f"does not begin with {own}"


@rule(
    ("core/proto/scan.c", "static int f(void)\n{\n}\n"),
    ("core/proto/scan.c", "static int\nf(void) {\n}\n"),
    ("core/proto/scan.c", "  static int\nf(void)\n{\n}\n"),
)
def functions_are_laid_out_as_in_pep_7(source):
    for function in source.functions:
        lines = source.text.splitlines()[function.line - 1 :]
        if not re.match(r"\w[^(\n]*\n\w+\([^{]*\)\n\{\n", "\n".join(lines)):
            yield function.line, f"{function.name}()"


@rule(("core/proto/scan.c", "/*" + 76 * "x" + "*/\n"), ("core/proto/scan.c", "\tint x;\n"))
def lines_fit_into_79_columns(source):
    for number, line in enumerate(source.text.splitlines(), 1):
        if len(line) > 79 or "\t" in line:
            yield number, f"{len(line)} columns, or a tab"


@rule(("core/proto/scan.c", "int\nf(void)\n{\n" + 117 * "    g();\n" + "}\n"))
def no_function_has_more_than_120_lines(source):
    for function in source.functions:
        if function.lines > 120:
            yield function.line, f"{function.name}() has {function.lines}"


STYLE_OF_ALL = {
    "headers_have_include_guards",
    "functions_are_laid_out_as_in_pep_7",
    "lines_fit_into_79_columns",
    "no_function_has_more_than_120_lines",
}


@pytest.mark.parametrize("checker, broken_by", RULES)
def test_rule(checker, broken_by):
    folders = ["_cpoplib"]
    if checker.__name__ in STYLE_OF_ALL:
        folders += ["tests", "benchmarks"]
    found = [
        f"{source.path}:{line}: {' '.join(message.split())}"
        for source in read_sources(*folders)
        for line, message in checker(source)
    ]
    if found:
        pytest.fail("\n".join(found), pytrace=False)


@pytest.mark.parametrize("checker, broken_by", RULES)
def test_rule_can_be_broken(checker, broken_by):
    for path, text in broken_by:
        assert list(checker(Source(path, text))), (path, text)


def test_what_a_source_file_holds():
    source = Source(
        "core/sample.c",
        """\
/* int comment; { */
#include "core/sample.h" // "x.h"

#define PAIR(a, b) \\
    {a, b}

struct pair { int a, b; };
static const struct pair pairs[2] = {PAIR(1, 2)};
static int declared(void (*f)(void), char c[2]);

static inline int
defined(const char *text)
{
    static int calls;
    return text[0] == '{' || text == "}\\"";
}

int last;
""",
    )
    assert source.includes == [(2, "core/sample.h")]
    assert [line for line, _ in source.directives] == [2, 4]
    assert [(f.name, f.line, f.lines) for f in source.functions] == [("defined", 11, 6)]
    assert [v.line for v in source.variables()] == [8, 18, 14]
    assert [v.is_const for v in source.variables()] == [True, False, False]
