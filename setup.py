"""Builds the extension module _cpoplib, and makes the links of the page on PyPI.

Everything else is in pyproject.toml.

Variables of the environment, besides CC, CFLAGS and LDFLAGS:

OPENSSL_DIR                            the folder with OpenSSL's include/ and lib/
POPLIB_C_STATIC_OPENSSL=1              link the static libraries there, for wheels
POPLIB_C_DEBUG=1                       do not optimise; debug information and assertions
POPLIB_C_SANITIZE=address,undefined    instrument with these sanitizers
POPLIB_C_WERROR=1                      make compiler warnings errors
"""

import hashlib
import json
import os
import re
import subprocess
import sys
import sysconfig
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from glob import glob
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

# Where the repository is, "https://example.org/owner/name", once that is public: then the page on
# PyPI has links to it.
PROJECT_URL = None

# Requirements: a line of C, and the error if it does not compile.
PROBES = [
    (
        "#include <stdlib.h>",
        "no working C compiler ({cc}); install gcc and libc6-dev (Debian, Ubuntu) "
        "or gcc (Fedora), or set CC",
    ),
    (
        "#include <Python.h>",
        "Python.h not found; install python3-dev (Debian, Ubuntu) or python3-devel (Fedora)",
    ),
    (
        "#include <openssl/ssl.h>",
        "openssl/ssl.h not found; install libssl-dev (Debian, Ubuntu) "
        "or openssl-devel (Fedora), or set OPENSSL_DIR",
    ),
    (
        "#include <openssl/opensslv.h>\n"
        "#if OPENSSL_VERSION_NUMBER < 0x10101000L\n"
        "#error too old\n"
        "#endif",
        "OpenSSL 1.1.1 or later is needed; install a newer libssl-dev (Debian, Ubuntu) "
        "or openssl-devel (Fedora), or set OPENSSL_DIR",
    ),
]


WINDOWS = (
    "poplib_c can't be built on Windows: it calls POSIX's sockets, poll() and signals. Use "
    'poplib, which has the same classes and methods; "try: import poplib_c as poplib" with '
    '"except ImportError: import poplib" takes whichever is there'
)


def static_openssl(root):
    """Return Extension() arguments that link OpenSSL statically and hide its symbols."""
    archives = [glob(f"{root}/lib*/lib{name}.a")[:1] for name in ("ssl", "crypto")]
    if not (root and all(archives)):
        raise SystemExit(f"error: OPENSSL_DIR={root}: there are no static libraries in its lib/")
    if sys.platform == "darwin":
        hidden = ["-Wl,-exported_symbol,_PyInit__cpoplib"]
    else:
        hidden = ["-Wl,--exclude-libs,ALL", "-pthread", "-ldl"]
    return {
        "include_dirs": [os.path.join(root, "include")],
        "define_macros": [("POP_OWN_OPENSSL", None)],
        "extra_objects": [path for paths in archives for path in paths],
        "extra_link_args": hidden,
    }


def openssl_options():
    """Return Extension() arguments for OpenSSL: by OPENSSL_DIR, pkg-config, or the defaults."""
    root = os.environ.get("OPENSSL_DIR", "")
    if os.environ.get("POPLIB_C_STATIC_OPENSSL") == "1":
        return static_openssl(root)
    if root:
        if not os.path.exists(os.path.join(root, "include", "openssl", "ssl.h")):
            raise SystemExit(f"error: OPENSSL_DIR={root}: there is no include/openssl/ssl.h below")
        library_dirs = [os.path.dirname(path) for path in glob(f"{root}/lib*/libssl.*")[:1]]
        return {
            "include_dirs": [os.path.join(root, "include")],
            "library_dirs": library_dirs,
            "runtime_library_dirs": library_dirs,
            "libraries": ["ssl", "crypto"],
        }
    try:
        flags = subprocess.run(
            ["pkg-config", "--cflags", "--libs", "libssl", "libcrypto"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            check=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        flags = "-lssl -lcrypto"
    return {
        "include_dirs": re.findall(r"-I(\S+)", flags),
        "library_dirs": re.findall(r"-L(\S+)", flags),
        "libraries": re.findall(r"-l(\S+)", flags),
    }


def compiler_options():
    # -MD: the compiler writes the list of headers that Objects reads.
    compile_args = ["-std=c11", "-fvisibility=hidden", "-Wall", "-Wextra", "-MD"]
    link_args = []
    if os.environ.get("POPLIB_C_WERROR") == "1":
        compile_args += ["-Werror"]
    if os.environ.get("POPLIB_C_DEBUG") == "1":
        compile_args += ["-O0", "-g3", "-UNDEBUG", "-U_FORTIFY_SOURCE"]
    sanitizers = os.environ.get("POPLIB_C_SANITIZE")
    if sanitizers:
        instrument = [
            f"-fsanitize={sanitizers}",
            "-fno-sanitize-recover=undefined",
            "-fno-omit-frame-pointer",
            "-g",
        ]
        # Python's own flags define signed overflow, so the sanitizer would not report it.
        compile_args += [*instrument, "-fno-wrapv", "-U_FORTIFY_SOURCE"]
        link_args += instrument
    return compile_args, link_args


def extension():
    options = openssl_options()
    compile_args, link_args = compiler_options()
    extension = Extension(
        "_cpoplib",
        sources=sorted(glob("_cpoplib/**/*.c", recursive=True)),
        depends=sorted(glob("_cpoplib/**/*.h", recursive=True)),
        extra_compile_args=compile_args,
        **options,
    )
    extension.include_dirs.insert(0, "_cpoplib")
    # Declare the POSIX functions, which -std=c11 hides in files without Python.h.
    extension.define_macros.append(("_DEFAULT_SOURCE", None))
    extension.extra_link_args += link_args
    return extension


class Objects:
    """Replaces a compiler's compile(): compiles out-of-date objects on all processors.

    An object is up to date if its source and all headers that the compiler read have kept their
    sizes and time stamps.
    """

    def __init__(self, compiler):
        self.compiler = compiler
        self.compile_in_turn = compiler.compile

    def compile(self, sources, output_dir=None, **options):
        def compile_if_changed(source):
            [path] = self.compiler.object_filenames([source], output_dir=output_dir)
            if not self.is_current(path):
                begun = time.time_ns() - 20_000_000  # File systems count in jiffies.
                self.compile_in_turn([source], output_dir, **options)
                self.remember(path, begun)
            return path

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return list(pool.map(compile_if_changed, sources))

    def is_current(self, path):
        try:
            known = json.loads(Path(f"{path}.json").read_text())
            return os.path.exists(path) and known == stamps(known)
        except (OSError, ValueError):
            return False

    def remember(self, path, begun):
        """Record the files that the compiler read, unless one changed meanwhile."""
        made = Path(f"{path}.json")
        made.unlink(missing_ok=True)
        try:
            read = stamps(dependencies(Path(path).with_suffix(".d").read_text()))
        except OSError:  # Without -MD, each build compiles everything.
            return
        if all(changed < begun for changed, _ in read.values()):
            made.write_text(json.dumps(read))


def dependencies(rule):
    """Return the files in a make rule that a compiler wrote."""
    words = re.findall(r"(?:\\.|[^\\\s])+", rule.replace("\\\n", " "))
    return [re.sub(r"\\(.)", r"\1", word).replace("$$", "$") for word in words[1:]]


def stamps(paths):
    return {path: [os.stat(path).st_mtime_ns, os.stat(path).st_size] for path in paths}


class BuildExt(build_ext):
    def finalize_options(self):
        super().finalize_options()
        # Always link. Objects decides what to compile.
        self.force = True

    def run(self):
        if sys.platform == "win32":
            raise SystemExit(f"error: {WINDOWS}")
        super().run()

    def build_extension(self, ext):
        for source, complaint in PROBES:
            if not self.compiles(source, ext):
                cc = self.compiler.compiler_so[0]
                raise SystemExit("error: " + complaint.format(cc=cc))
        self.build_temp = os.path.join(self.build_temp, self.kind(ext))
        self.compiler.compile = Objects(self.compiler).compile
        super().build_extension(ext)

    def kind(self, ext):
        """Return the name of the folder for objects of this interpreter, compiler and flags."""
        command = [*self.command(ext), *ext.extra_compile_args]
        version = subprocess.run(
            [*self.compiler.compiler_so, "--version"], stdout=subprocess.PIPE
        ).stdout
        search = [os.environ.get(name) for name in ("CPATH", "C_INCLUDE_PATH")]
        python = [sys.version, sysconfig.get_config_var("SOABI"), self.debug]
        state = repr([command, version, search, python])
        return hashlib.sha256(state.encode()).hexdigest()[:16]

    def command(self, ext):
        """Return the compiler's command line with the macros and include folders of *ext*."""
        options = [
            f"-D{name}" if value is None else f"-D{name}={value}"
            for name, value in ext.define_macros
        ]
        options += [f"-I{folder}" for folder in (*ext.include_dirs, *self.compiler.include_dirs)]
        return [*self.compiler.compiler_so, *options]

    def compiles(self, source, ext):
        command = self.command(ext)
        with tempfile.TemporaryDirectory() as tmp:
            probe = Path(tmp, "probe.c")
            probe.write_text(f"{source}\nint probe;\n")
            try:
                return not subprocess.run(
                    [*command, "-c", str(probe), "-o", str(probe.with_suffix(".o"))],
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                ).returncode
            except OSError:
                return False


class CompileCommands(BuildExt):
    """Writes compile_commands.json for clangd and other tools. Compiles nothing."""

    def build_extension(self, ext):
        command = [*self.command(ext), *ext.extra_compile_args, "-c"]
        entries = [
            {"directory": os.getcwd(), "file": source, "arguments": [*command, source]}
            for source in ext.sources
        ]
        Path("compile_commands.json").write_text(json.dumps(entries, indent=1) + "\n")


def version():
    text = Path("poplib_c", "__init__.py").read_text()
    return re.search(r'^__version__ = "(.+)"$', text, re.M)[1]


def readme(url):
    """Return README.rst with its links to files made absolute, unless the URL is None."""
    text = Path("README.rst").read_text()
    if url is None:
        return text
    text = re.sub(r"<(?!\w+:)([\w./-]+)>`_", rf"<{url}/blob/v{version()}/\1>`_", text)
    return re.sub(r"^(\.\. image:: )(?!\w+:)", rf"\1{url}/raw/v{version()}/", text, flags=re.M)


def links(url):
    """Return the links in the margin of the page."""
    if url is None:
        return {}
    files = {
        "Documentation": "docs/index.rst",
        "Changes": "CHANGES.rst",
        "Security": "SECURITY.md",
    }
    return {
        "Source": url,
        "Issues": f"{url}/issues",
        **{label: f"{url}/blob/v{version()}/{path}" for label, path in files.items()},
    }


setup(
    long_description=readme(PROJECT_URL),
    long_description_content_type="text/x-rst",
    project_urls=links(PROJECT_URL),
    ext_modules=[extension()],
    cmdclass={"build_ext": BuildExt, "compile_commands": CompileCommands},
)
