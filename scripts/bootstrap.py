"""Makes `.venv` with everything in requirements-dev.txt. Runs on a bare Python: standard library only.

`make` calls it whenever a requirements file is newer than the stamp it leaves. Packages are installed by uv
(about ten times faster than pip) and by pip where uv is not to be had.
"""

import hashlib
import os
import re
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path

UV = "uv==0.13.8"
PIP = "25.3"
PROJECT = Path(__file__).resolve().parents[1]
VENV = PROJECT / ".venv"
PYTHON = VENV / ("Scripts" if os.name == "nt" else "bin") / "python"
STAMP = VENV / ".installed"


def works(*command: str | Path) -> bool:
    """Whether a command can be run and succeeds; what it prints is dropped."""
    try:
        return subprocess.run([str(part) for part in command], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def make_venv() -> None:
    """Debian's python3 comes without ensurepip: then pip is fetched by `fetch_pip`."""
    minimum = "import sys; sys.exit(sys.version_info < (3, 11))"
    if works(PYTHON, "-c", minimum):
        return
    print(f"creating .venv with Python {sys.version.split()[0]} ...", flush=True)
    if not works(sys.executable, "-m", "venv", "--clear", VENV):
        subprocess.run([sys.executable, "-m", "venv", "--clear", "--without-pip", str(VENV)], check=True)


def fetch_pip() -> None:
    """Installs pip by running it out of its own wheel, taken from the package index and checked by its hash."""
    index = os.environ.get("PIP_INDEX_URL") or "https://pypi.org/simple"
    page_url = f"{index.rstrip('/')}/pip/"
    with urllib.request.urlopen(page_url, timeout=60) as answer:
        page = answer.read().decode()
    name = f"pip-{PIP}-py3-none-any.whl"
    found = re.search(rf'href="([^"]*/{re.escape(name)})#sha256=([0-9a-f]+)"', page)
    if found is None:
        raise SystemExit(f"{name} is not on {page_url}")
    wheel = VENV / name
    with urllib.request.urlopen(urllib.parse.urljoin(page_url, found[1]), timeout=60) as answer:
        content = answer.read()
    if hashlib.sha256(content).hexdigest() != found[2]:
        raise SystemExit(f"{name} is damaged")
    wheel.write_bytes(content)
    subprocess.run([str(PYTHON), f"{wheel}/pip", "install", "--quiet", str(wheel)], check=True)
    wheel.unlink()


def uv_environment() -> dict[str, str]:
    """uv does not read pip's configuration: hands a configured mirror, wheel folder or certificate on."""
    listed = subprocess.run([str(PYTHON), "-m", "pip", "config", "list"], capture_output=True, text=True, check=False)
    configured = dict(re.findall(r"^[^=\n]*\.([a-z-]+)='(.*)'$", listed.stdout, flags=re.MULTILINE))
    names = {
        "index-url": "UV_DEFAULT_INDEX",
        "extra-index-url": "UV_INDEX",
        "find-links": "UV_FIND_LINKS",
        "cert": "SSL_CERT_FILE",
    }
    mapped = {names[option]: value for option, value in configured.items() if option in names}
    if "UV_INDEX" in mapped:
        # As pip does it: the best version of all indexes, not the first index that knows the name.
        mapped["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    return {**mapped, **os.environ, "UV_LINK_MODE": "copy", "VIRTUAL_ENV": str(VENV)}


def install(requirements: Path) -> None:
    """Raises SystemExit with one sentence when neither uv nor pip can install the packages."""
    if not works(PYTHON, "-m", "pip", "--version"):
        fetch_pip()
    pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if works(PYTHON, "-m", "uv", "--version") or works(*pip, UV):
        command = [str(PYTHON), "-m", "uv", "pip", "install", "--quiet", "--python", str(PYTHON)]
        done = subprocess.run([*command, "-r", str(requirements)], env=uv_environment(), check=False)
        if done.returncode == 0:
            return
    print("uv could not install the packages, pip tries it (about three minutes) ...", flush=True)
    if subprocess.run([*pip, "-r", str(requirements)], check=False).returncode:
        raise SystemExit("The packages could not be installed: the lines above say why. `make` tries again.")


def main() -> None:
    if sys.version_info < (3, 11):  # noqa: UP036 - may be started by hand with any Python
        raise SystemExit(f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}.")
    began = time.monotonic()
    make_venv()
    print("installing about 150 packages: a minute, the first time ...", flush=True)
    install(PROJECT / "requirements-dev.txt")
    STAMP.touch()
    print(f"installed in {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
