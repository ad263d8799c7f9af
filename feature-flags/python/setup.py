"""Builds the Go library into the package. All else is in pyproject.toml."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext

MODULE = Path(__file__).resolve().parent.parent  # the Go module that the library is part of
SUFFIX = ".dylib" if sys.platform == "darwin" else ".so"


class build_go(build_ext):
    """Runs go build where setuptools would run a C compiler."""

    def get_ext_filename(self, fullname):
        # The library is loaded with ctypes, so its name has nothing of a Python version in it.
        return os.path.join(*fullname.split(".")) + SUFFIX

    def build_extension(self, ext):
        if not (MODULE / "go.mod").exists():
            raise SystemExit("hog-feature-flags is built inside its repository: use pip 21.3 or newer, and no copy of this folder")
        go = shutil.which("go") or shutil.which("/usr/local/go/bin/go")
        if not go:
            raise SystemExit("hog-feature-flags is built with Go: install it from https://go.dev/dl, or install a wheel")
        target = Path(self.get_ext_fullpath(ext.name)).resolve()
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=str(target.parent)) as scratch:  # go build leaves a C header, too
            built = Path(scratch) / target.name
            subprocess.run(
                [go, "build", "-buildmode=c-shared", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", str(built), "./python/lib"],
                cwd=str(MODULE), env=dict(os.environ, CGO_ENABLED="1"), check=True,
            )
            built.replace(target)  # in one step: a process may have the old one mapped


class wheel_of_platform(bdist_wheel):
    """Tags the wheel for its platform and any Python 3."""

    def get_tag(self):
        return ("py3", "none", super().get_tag()[2])


setup(
    ext_modules=[Extension("hog_feature_flags.libhog_feature_flags", sources=[])],
    cmdclass={"build_ext": build_go, "bdist_wheel": wheel_of_platform},
)
