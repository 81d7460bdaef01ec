"""Programs that tests run: found, or the reason why not. `make test` installs what Debian has."""

import os
import shutil

import pytest

PACKAGES = {"mosquitto": "mosquitto", "openssl": "openssl", "influxd": "influxdb", "chromium": "chromium",
            "mosquitto_pub": "mosquitto-clients", "docker-compose": "docker-compose",
            "node": "nodejs", "npm": "npm"}  # fmt: skip
ALSO = ("/usr/sbin", "/usr/local/sbin")  # where Debian keeps servers; not on everybody's PATH


def find_program(name: str) -> str | None:
    """The path of a program, or None."""
    return shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", os.defpath), *ALSO)))


def require_program(name: str) -> str:
    """The path of a program; without it the test is skipped, saying which is missing, or fails with CI=true."""
    path = find_program(name)
    if path is not None:
        return path
    reason = f"{name} is not installed (Debian's package {PACKAGES[name]})"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
