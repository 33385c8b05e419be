"""The extension modules. Everything else is in pyproject.toml."""

import os
import sys
from contextlib import suppress
from glob import glob
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import BaseError, CCompilerError

BUILD = os.environ.get("WSFAST_BUILD", "auto")
if BUILD not in ("auto", "c", "python"):
    raise SystemExit(f"WSFAST_BUILD={BUILD!r}: expected auto, c or python")

# All kernels are linked once, into `kernels`; the other modules reach them by Cython's cimport.
PARTS = ("", "simd/", "mask/", "utf8/", "text/", "encode/")
LINKED = {"kernels": [source for part in PARTS for source in glob(f"src_c/{part}*.c")]}
FRAME, FRAME_USERS = glob("src_c/frame/*.c"), ("decoder", "frames", "reader", "splitter")
DIRECTIVES = dict.fromkeys(("autotestdict", "boundscheck", "wraparound", "initializedcheck"), False)
DIRECTIVES |= {"language_level": 3, "binding": False, "freethreading_compatible": True}
DIRECTIVES |= {"embedsignature": True, "embedsignature.format": "clinic"}


def extension(pyx):
    name = Path(pyx).stem
    sources, included = [pyx, *LINKED.get(name, [])], ["src_c", "wsfast/_speedups"]
    depends = [*FRAME, *glob("src_c/**/*.h", recursive=True), *glob("wsfast/_speedups/*.h")]
    return Extension(f"wsfast._speedups.{name}", sources, included, depends=depends)


class BuildAllOrNone(build_ext):
    def build_extensions(self):
        msvc = self.compiler.compiler_type == "msvc"
        flags = ["/O2", "/std:c11"] if msvc else ["-O3", "-std=c11", "-fvisibility=hidden"]
        self.parallel = self.parallel or True
        c = cythonize(self.extensions, build_dir=self.build_temp, compiler_directives=DIRECTIVES)
        try:
            # Once, here: modules that are built at the same time would write the same file.
            frame = self.compiler.compile(FRAME, self.build_temp, extra_postargs=flags)
            for extension, generated in zip(self.extensions, c, strict=True):
                extension.sources, extension.extra_compile_args = generated.sources, flags
                extension.extra_objects = frame if extension.name.endswith(FRAME_USERS) else []
            super().build_extensions()
        except (BaseError, CCompilerError) as error:
            if BUILD == "c":
                raise
            for extension in self.extensions:
                with suppress(FileNotFoundError):
                    os.unlink(self.get_ext_fullpath(extension.name))
            self.extensions = []
            print(f"wsfast: NOT COMPILED, only its pure Python side is there: {error}", flush=True)


wanted = BUILD == "c" or (BUILD == "auto" and sys.implementation.name == "cpython")
modules = [extension(pyx) for pyx in sorted(glob("wsfast/_speedups/*.pyx"))] if wanted else []
setup(ext_modules=modules, cmdclass={"build_ext": BuildAllOrNone})
