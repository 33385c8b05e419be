"""What this program runs on, in words for people."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import sysconfig


def cpu_name() -> str:
    """The CPU's name as its maker gives it, or the best that this system tells."""
    if sys.platform == "linux":
        for field in ("model name", "Model", "cpu model", "uarch"):
            name = _first_of_cpuinfo(field)
            if name:
                return name
    if sys.platform == "darwin":
        name = _output_of("sysctl", "-n", "machdep.cpu.brand_string")
        if name:
            return name
    return platform.processor() or os.environ.get("PROCESSOR_IDENTIFIER") or platform.machine()


def _first_of_cpuinfo(field: str) -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
            for line in lines:
                name, _, value = line.partition(":")
                if name.strip() == field:
                    return value.strip()
    except OSError:
        pass
    return ""


def _output_of(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def python_name() -> str:
    """The interpreter: `CPython 3.14.1`, `CPython 3.14.1, free-threaded, GIL off`."""
    name = f"{platform.python_implementation()} {platform.python_version()}"
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        is_gil_enabled = getattr(sys, "_is_gil_enabled", lambda: True)
        name += f", free-threaded, GIL {'on' if is_gil_enabled() else 'off'}"
    return name


def system_name() -> str:
    """The operating system and the machine's architecture: `Linux x86_64`."""
    return f"{platform.system()} {platform.machine()}"
