"""The image's exact commands, and those of docker-compose.yml, in a clean tree of folders.

What a container engine would do is done here: the build's steps one after the other, then broker and processes with the
command lines, health checks and plant file of docker-compose.yml, on a tree that cannot be written where the image's
root cannot. Only places and ports are others. Packages come from this environment instead of the lock: `make package`
installs that.
"""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from config.load import load
from tests.image import PROCESSES, ROOT, compose, dockerfile
from tests.programs import find_program, require_program
from tests.servers import free_port

SERVICES = compose()["services"]
PLACES = ("/opt/plumbline", "/var/lib/plumbline", "/etc/plumbline", "/run/secrets", "/mosquitto", "/src")
BORE = "line1/op10/bore"
STARTED_SECONDS = 180.0
# Root without rights, as in the containers: what is read-only is so for it too.
PLAIN = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs") if os.geteuid() == 0 else ()


@dataclass
class Tree:
    """The folder that stands for the containers' roots."""

    root: Path
    ports: dict[int, int] = field(default_factory=lambda: {port: free_port() for port in (1883, 8080, 8081)})
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def here(self, text: str) -> str:
        """The text with the tree's places, and its ports."""
        text = re.sub(rf"(?<![\w./-])({'|'.join(PLACES)})\b", rf"{self.root}\1", text).replace(
            "/tmp/compiled", f"{self.root}/c"
        )
        for usual, port in self.ports.items():
            text = re.sub(rf"\b{usual}\b", str(port), text)
        return text

    @property
    def env(self) -> dict[str, str]:
        """What the processes find: the image's programs first."""
        kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
        path = os.pathsep.join((f"{self.root}/opt/plumbline/bin", f"{self.root}/bin", os.environ["PATH"], "/usr/sbin"))
        return {**kept, "PATH": path, "PYTHONDONTWRITEBYTECODE": "1", "HOME": f"{self.root}/none"}

    def run(self, *words: str, place: str = "", status: int = 0) -> str:
        """A command that ends with that status; what it says."""
        done = subprocess.run(
            [*PLAIN, *map(self.here, words)], cwd=f"{self.root}{place}", env=self.env, capture_output=True, text=True,
            timeout=900, check=False,
        )  # fmt: skip
        assert done.returncode == status, f"{words}: {done.stdout[-2000:]}{done.stderr[-4000:]}"
        return done.stdout

    def start(self, name: str, *words: str) -> None:
        """A command that goes on; its log is NAME.log."""
        with (self.root / f"{name}.log").open("ab") as log:
            command = [*PLAIN, *map(self.here, words)]
            self.running.append(subprocess.Popen(command, cwd=self.root, env=self.env, stdout=log, stderr=log))

    def logs(self) -> str:
        return "\n".join(f"── {path.name}\n{path.read_text()[-3000:]}" for path in sorted(self.root.glob("*.log")))

    def wait_for(self, what: Callable[[], object]) -> None:
        """Until it is so; all that runs goes on meanwhile."""
        deadline = time.monotonic() + STARTED_SECONDS
        while not what():
            ended = [process.args for process in self.running if process.poll() is not None]
            assert not ended, f"{ended}\n{self.logs()}"
            assert time.monotonic() < deadline, self.logs()
            time.sleep(0.1)

    def stop(self) -> None:
        for process in reversed(self.running):
            process.terminate()
        for process in reversed(self.running):
            process.wait(30)


@pytest.fixture(scope="module")
def tree() -> Iterator[Tree]:
    for program in ("mosquitto", "mosquitto_pub", "mosquitto_sub"):
        require_program(program)
    root = Path(tempfile.mkdtemp(prefix="plumbline-image-"))
    tree = Tree(root)
    try:
        build(tree)
        furnish(tree)
        yield tree
    finally:
        tree.stop()
        shutil.rmtree(root, onerror=_writable_first)


def _writable_first(function: Callable[[str], object], path: str, _error: object) -> None:
    os.chmod(Path(path).parent, 0o700)
    function(path)


def build(tree: Tree) -> None:
    """The first stage, and what the second copies; then it cannot be written any more."""
    for folder in ("src", "opt", "bin", "var/lib/plumbline", "run/secrets"):
        (tree.root / folder).mkdir(parents=True)
    (tree.root / "bin" / "python").symlink_to(Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}")
    for step in (step for step in dockerfile() if step.stage == 0):
        if step.name == "COPY":
            *sources, _ = step.words
            for source in sources:
                _copy(ROOT / source, tree.root / "src" / source)
        elif step.name == "RUN" and "--requirement" in step.text:
            packages = tree.root / "opt/plumbline/lib" / f"python3.{sys.version_info.minor}" / "site-packages"
            (packages / "locked.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
        elif step.name == "RUN":
            tree.run("sh", "-euc", step.text, place="/src")
    start = tree.root / "opt/plumbline/bin/start"
    start.write_text(tree.here((ROOT / "config/compose/start.sh").read_text("utf-8")))
    start.chmod(0o755)
    for path in [tree.root / "opt", *(tree.root / "opt").rglob("*")]:
        if not path.is_symlink():
            path.chmod(path.stat().st_mode & ~0o222)


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "secrets"))
    else:
        shutil.copy2(source, target)


def furnish(tree: Tree) -> None:
    """What compose mounts: secrets, the broker's configuration, the plant file."""
    made = tree.root / "made"
    made.mkdir()
    shutil.copy2(ROOT / "config/compose/secrets.sh", made)
    subprocess.run(["sh", made / "secrets.sh"], check=True, timeout=30)
    shutil.copytree(made / "secrets", tree.root / "run/secrets", dirs_exist_ok=True)
    for folder in ("run", "data"):
        (tree.root / "mosquitto" / folder).mkdir(parents=True)
    (tree.root / "mosquitto/config").mkdir()
    for path in (ROOT / "config/compose/mosquitto").iterdir():
        (tree.root / "mosquitto/config" / path.name).write_text(tree.here(path.read_text("utf-8")))
    if os.geteuid() == 0:
        with (tree.root / "mosquitto/config/mosquitto.conf").open("a") as configuration:
            configuration.write("user root\n")  # in its container it is another from the start
    text = (ROOT / "config/compose/plant/plant.toml").read_text("utf-8")
    for usual, here in (
        ('host = "mosquitto"', 'host = "127.0.0.1"\nport = 1883'),
        ('host = "0.0.0.0"\nentry_url', 'host = "0.0.0.0"\nport = 8081\nentry_url'),
        ('host = "0.0.0.0"\npublic_urls', 'host = "0.0.0.0"\nport = 8080\npublic_urls'),
        ("//gateway:", "//127.0.0.1:"), ("//web:", "//127.0.0.1:"), ("//influxdb:8086", f"//127.0.0.1:{free_port()}"),
    ):  # fmt: skip
        assert usual in text
        text = text.replace(usual, here)
    (tree.root / "etc/plumbline").mkdir(parents=True)
    (tree.root / "etc/plumbline/plant.toml").write_text(tree.here(text))


def health(tree: Tree, name: str) -> bool:
    """The health check of a service, as compose would run it."""
    how, *words = SERVICES[name]["healthcheck"]["test"]
    words = words if how == "CMD" else ["sh", "-c", words[0].replace("$$", "$")]
    done = subprocess.run([*PLAIN, *map(tree.here, words)], env=tree.env, capture_output=True, timeout=30, check=False)
    return done.returncode == 0


def mosquitto(tree: Tree, program: str, user: str, password: str, *words: str) -> subprocess.CompletedProcess[str]:
    command = [str(find_program(program)), "-V", "5", "-p", str(tree.ports[1883]), "-u", user, "-P", password, *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_a_message_goes_from_the_broker_to_the_board_by_the_commands_of_compose(tree: Tree) -> None:
    before = sorted(path.as_posix() for path in (tree.root / "opt").rglob("*"))
    assert not health(tree, "mosquitto")
    tree.start("mosquitto", *SERVICES["mosquitto"]["entrypoint"])
    tree.wait_for(lambda: health(tree, "mosquitto"))
    assert not health(tree, "gateway")
    for name in PROCESSES:
        assert SERVICES[name]["command"][0] == name
        tree.start(name, "/opt/plumbline/bin/start", *SERVICES[name]["command"])
    for name in PROCESSES:
        tree.wait_for(lambda name=name: health(tree, name))

    token = tree.run("plumbline", "token", "add", "/etc/plumbline/plant.toml", "ada", "--role", "write").strip()
    base = f"http://127.0.0.1:{tree.ports[8080]}"
    with httpx.Client(base_url=base, headers={"Authorization": f"Bearer {token}"}, trust_env=False) as client:
        assert httpx.get(f"{base}/api/v1/points", trust_env=False).status_code == 401
        tree.wait_for(
            lambda: client.get("/api/v1/key-results").json()
        )  # pushed from another container, with its secret
        gateway, plant = ((tree.root / "run/secrets" / f"mqtt_{user}").read_text() for user in ("gateway", "plant"))
        tree.wait_for(lambda: "line1" not in client.get("/health").json()["processes"]["gateway"]["away"])
        message = '{"values": {"bore": [10.003, 9.998, 10.001, 9.996, 10.004]}, "id": "image-1"}'
        sent = ("-q", "1", "-t", "factory/line1/op10/measurements", "-m", message)
        assert mosquitto(tree, "mosquitto_pub", "plant", plant, *sent).returncode == 0
        tree.wait_for(lambda: client.get("/api/v1/points", params={"characteristic": BORE}).json())
        (point,) = client.get("/api/v1/points", params={"characteristic": BORE}).json()
        assert point["n"] == 5
        assert "compiled" not in tree.logs()  # it was, with the image

    # The broker lets nobody in without an account, and the gateway says nothing that a plant says.
    for user, password in (("plant", gateway), ("plant", ""), ("nobody", plant)):
        assert mosquitto(tree, "mosquitto_pub", user, password, *sent).returncode != 0
    assert (
        "RC:135" in mosquitto(tree, "mosquitto_pub", "gateway", gateway, *sent, "-d").stdout
    )  # MQTT 5: not authorized
    assert sorted(path.as_posix() for path in (tree.root / "opt").rglob("*")) == before, "the image is not written"


def test_the_demos_plant_files_are_sound(tree: Tree) -> None:
    for name, user in (("plant", "gateway"), ("simulation", "plant")):
        file = tree.root / "opt/plumbline/demo" / f"{name}.toml"
        assert f'username = "{user}"' in file.read_text()
        assert f'password_file = "/run/secrets/mqtt_{user}"' in file.read_text()
        assert load(file).web.store_url == "http://web:8080"
