"""What the figures were measured on."""

import os
import platform
import re
from pathlib import Path

from stage import Unavailable, run


def _line(*command: str) -> str:
    try:
        lines = run(*command, cwd=Path(__file__).parent).splitlines()
    except Unavailable:
        return ""
    return lines[0].strip() if lines else ""


def describe() -> dict:
    processor = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.M)
    release = re.search(r'^PRETTY_NAME="?([^"\n]*)', Path("/etc/os-release").read_text(), re.M)
    return {
        "processor": processor[1] if processor else platform.machine(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "system": release[1] if release else "",
        "load": os.getloadavg()[0],
        "commit": _line("git", "describe", "--always", "--dirty"),
        "openssl": _line("openssl", "version"),
        "swift": _line("swift", "--version"),
    }
