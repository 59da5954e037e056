"""Builds the Cython extensions of pyfix.

Every `ext/**/*.pyx` becomes the extension of the same dotted name; an in-place
build puts it beside its stub in `pyfix/`. PYFIX_BUILD chooses the kind of build:

    release    the default: -O2, no run-time checks beyond those in the source
    checked    division by zero checked, signed overflow and damaged stacks trap, assertions on
    sanitized  gcc's address and undefined-behaviour sanitizers, checks on
    traced     line tracing for coverage

A build that cannot be made fails; nothing falls back to Python.
"""

import os
import sys
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, find_packages, setup

KIND = os.environ.get("PYFIX_BUILD", "release")
FLAGS = {
    "release": (["-O2", "-g1", "-fno-plt"], []),
    "checked": (["-O1", "-g", "-ftrapv", "-D_FORTIFY_SOURCE=2", "-fstack-protector-all"], []),
    "sanitized": (["-O1", "-g", "-fsanitize=address,undefined", "-fno-omit-frame-pointer", "-fno-wrapv"],
                  ["-fsanitize=address,undefined"]),
    "traced": (["-O0", "-g"], []),
}
if KIND not in FLAGS:
    raise SystemExit(f"PYFIX_BUILD={KIND}: use one of {', '.join(FLAGS)}")
# pip asks for the metadata of an editable install several times; the Makefile builds in place afterwards
METADATA_ONLY = bool({"egg_info", "dist_info", "editable_wheel"} & set(sys.argv))
CHECKED = KIND in ("checked", "sanitized")


def extensions() -> list[Extension]:
    """One Extension for each .pyx file below ext/."""
    compile_args, link_args = FLAGS[KIND]
    macros = [("CYTHON_TRACE", "1"), ("CYTHON_TRACE_NOGIL", "1")] if KIND == "traced" else []
    macros.append(("PYFIX_BUILD_KIND", f'"{KIND}"'))
    return [
        Extension(
            ".".join(path.with_suffix("").parts[1:]),
            [str(path)],
            include_dirs=["ext"],
            define_macros=macros,
            # generated code compares constants, which are signed, with sizes, which are not
            extra_compile_args=[*compile_args, "-Wall", "-Wno-unused-function", "-Wno-sign-compare"],
            extra_link_args=link_args,
        )
        for path in sorted(Path("ext").rglob("*.pyx"))
    ]


setup(
    version=Path("pyfix/VERSION").read_text().strip(),
    packages=find_packages(include=["pyfix", "pyfix.*"]),
    package_data={"": ["*.pyi", "VERSION", "py.typed", "data/*"]},
    zip_safe=False,
    ext_modules=[] if METADATA_ONLY else cythonize(
        extensions(),
        include_path=["ext"],
        nthreads=os.cpu_count() or 1,
        cache=KIND == "release",
        annotate=bool(os.environ.get("PYFIX_ANNOTATE")),
        compiler_directives={
            "language_level": "3",
            "embedsignature": True,
            "boundscheck": True,
            "wraparound": False,
            "cdivision": not CHECKED,
            # not nonecheck: with it Cython refuses `self.member.field += n` without the GIL; not overflowcheck: hashes wrap on
            # purpose, and Cython 3.3 cannot compile an enum of shifts with it. -ftrapv and UBSan see what is signed
            "linetrace": KIND == "traced",
        },
    ),
)
