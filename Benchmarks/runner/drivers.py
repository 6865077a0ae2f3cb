"""Builds the programs that measure, each when it is first asked for."""

import re
import shutil
import subprocess
import sys
from functools import cached_property
from pathlib import Path

from stage import Unavailable, run

BENCHMARKS = Path(__file__).resolve().parent.parent
SOURCES = BENCHMARKS / "drivers"
BUILD = BENCHMARKS / ".build"


def say(text: str):
    print(text, file=sys.stderr, flush=True)


class Drivers:
    def __init__(self, mtls: Path | None, before: Path | None):
        self._mtls, self._before = mtls, before
        self._programs: dict[str, Path] = {}
        BUILD.mkdir(exist_ok=True)

    @cached_property
    def mtls(self) -> Path:
        if self._mtls is None:
            self._mtls = self._swift(BENCHMARKS.parent, "mtls", BENCHMARKS.parent / ".build")
        return self._mtls

    @property
    def before(self) -> Path:
        if self._before is None:
            raise Unavailable("no other build is named (--before)")
        return self._before

    @cached_property
    def floor(self) -> Path:
        return self._c("floor", "-lgnutls")

    @cached_property
    def curl_gnutls(self) -> Path:
        return self._c("curl", "-l:libcurl-gnutls.so.4", name="curl-gnutls")

    @cached_property
    def curl_openssl(self) -> Path:
        return self._c("curl", "-l:libcurl.so.4", name="curl-openssl")

    @cached_property
    def go(self) -> Path:
        self._wants("go")
        result = BUILD / "driver-go"
        say("building driver-go")
        run("go", "build", "-o", result, ".", cwd=SOURCES / "go")
        return result

    @property
    def node(self) -> Path:
        return SOURCES / "node" / "driver.js"

    @cached_property
    def ahc(self) -> Path:
        return self._swift(SOURCES / "ahc", "AHCDriver", BUILD / "ahc")

    def ahc_version(self) -> str:
        self.ahc
        found = re.search(r'exact: "([^"]+)"', (SOURCES / "ahc" / "Package.swift").read_text())
        return f"AsyncHTTPClient {found[1] if found else ''}"

    def program(self, name: str) -> Path:
        """One of this package's own."""
        if name not in self._programs:
            self._programs[name] = self._swift(BENCHMARKS, name, BUILD)
        return self._programs[name]

    def _wants(self, tool: str):
        if shutil.which(tool) is None:
            raise Unavailable(f"{tool} is not installed")

    def _c(self, source: str, *libraries: str, name: str | None = None) -> Path:
        compiler = next((each for each in ("cc", "gcc", "clang") if shutil.which(each)), None)
        if compiler is None:
            raise Unavailable("no C compiler is installed")
        result = BUILD / f"driver-{name or source}"
        say(f"building {result.name}")
        run(compiler, "-O2", "-Wall", "-Wextra", SOURCES / "c" / f"{source}.c", "-o", result, *libraries)
        return result

    def _swift(self, package: Path, product: str, scratch: Path) -> Path:
        self._wants("swift")
        say(f"building {product} (release)")
        # SwiftPM tells of its progress on standard output, where the table belongs.
        words = ["swift", "build", "-c", "release", "--package-path", package, "--scratch-path", scratch]
        result = subprocess.run([str(word) for word in words] + ["--product", product], stdin=subprocess.DEVNULL,
                                capture_output=True, text=True)
        if result.returncode:
            errors = [line for line in (result.stdout + result.stderr).splitlines() if "error:" in line]
            raise Unavailable(f"{product} cannot be built: {errors[0] if errors else result.stdout[-200:]}")
        return scratch / "release" / product
