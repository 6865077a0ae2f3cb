"""A directory with keys, a token and files, and an nginx that demands client certificates: all of it for one run."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

PIN = "1234"  # of a token that lives as long as the run
BIG = 256 << 20
MODULES = ("/usr/lib/softhsm", "/usr/lib/*/softhsm", "/usr/lib/pkcs11", "/usr/lib*/pkcs11", "/usr/local/lib/softhsm")
# Its own port for each way of setting up TLS.
SERVERS = {
    "full": "ssl_protocols TLSv1.3; ssl_verify_client on; ssl_session_tickets off; ssl_session_cache off;",
    "tickets": "ssl_protocols TLSv1.3; ssl_verify_client on; ssl_session_tickets on; ssl_session_timeout 1h;",
    "tickets-1.2": "ssl_protocols TLSv1.2; ssl_verify_client on; ssl_session_tickets on; ssl_session_timeout 1h;",
    # wrk has no client certificate to show.
    "open": "ssl_protocols TLSv1.3; ssl_session_tickets off; ssl_session_cache off;",
}


class Unavailable(Exception):
    """What is missing, in words for the reader."""


def run(*command: str | Path, **settings) -> str:
    """The command's output; Unavailable when it cannot be run, or fails."""
    words = [str(word) for word in command]
    try:
        result = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, **settings)
    except OSError as error:
        raise Unavailable(f"{words[0]}: {error.strerror}") from error
    if result.returncode:
        said = (result.stderr or result.stdout).strip().splitlines() or [f"status {result.returncode}"]
        raise Unavailable(f"{Path(words[0]).name}: {next((l for l in said if 'error' in l), said[-1])}")
    return result.stdout


def softhsm() -> Path:
    for pattern in MODULES:
        for found in sorted(Path("/").glob(f"{pattern[1:]}/libsofthsm2.so")):
            return found
    raise Unavailable("no SoftHSM module")


def free_ports(count: int) -> list[int]:
    """Ports that nobody has, as long as nobody else looks for some at the same time."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Stage:
    """`with Stage(mtls, core) as stage:` – nginx is ended and the directory removed however the block is left."""

    def __init__(self, mtls: Path, server_core: int):
        self.mtls, self.server_core = mtls, server_core
        self.nginx = None
        self.worker = None
        self.ports = dict(zip(SERVERS, free_ports(len(SERVERS))))

    def __enter__(self):
        memory = Path("/dev/shm")
        roomy = os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 4 * BIG
        self.directory = Path(tempfile.mkdtemp(prefix="mtls-bench-", dir=memory if roomy else None))
        try:
            for name in ("www", "tmp", "tokens"):
                (self.directory / name).mkdir()
            self._make_keys()
            self._make_token()
            self._make_files()
            self._start_nginx()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.nginx:
            self.nginx.terminate()
            try:
                self.nginx.wait(5)
            except subprocess.TimeoutExpired:
                self.nginx.kill()
                self.nginx.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def url(self, server: str, path: str) -> str:
        return f"https://127.0.0.1:{self.ports[server]}{path}"

    def certificate(self, key: str) -> Path:
        return self.directory / "pki" / f"{key}.pem"

    def key(self, key: str) -> Path:
        return self.directory / "pki" / f"{key}-key.pem"

    def key_uri(self, key: str) -> str:
        return f"pkcs11:token=bench;object={key};type=private"

    @property
    def authority(self) -> Path:
        return self.directory / "pki" / "ca.pem"

    def environment(self, **more: str) -> dict[str, str]:
        """Without proxies, and with the token."""
        kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        return kept | {"SOFTHSM2_CONF": str(self.directory / "softhsm2.conf"), "BENCH_PIN": PIN} | more

    def server_seconds(self) -> float:
        """The processor time of nginx's worker."""
        try:
            return int(Path(f"/proc/{self.worker}/schedstat").read_text().split()[0]) / 1e9
        except (OSError, ValueError):
            return 0.0

    def _make_keys(self):
        where = ("--dir", self.directory / "pki")
        run(self.mtls, "pki", "ca", *where)
        run(self.mtls, "pki", "server", "127.0.0.1", "--file", "server", *where)
        for key in ("p256", "rsa2048"):
            run(self.mtls, "pki", "client", key, "--key-type", key, *where)

    def _make_token(self):
        """The same keys as in the files: the rows differ by where the key is, and by nothing else."""
        self.module = softhsm()
        (self.directory / "softhsm2.conf").write_text(
            f"directories.tokendir = {self.directory}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n")
        settings = {"env": self.environment()}
        pins = ("--pin", PIN, "--so-pin", PIN)
        run("softhsm2-util", "--init-token", "--free", "--label", "bench", *pins, **settings)
        for number, key in enumerate(("p256", "rsa2048"), 1):
            run("softhsm2-util", "--import", self.key(key), "--token", "bench", "--label", key,
                "--id", f"{number:02}", "--pin", PIN, **settings)

    def _make_files(self):
        (self.directory / "www" / "slow").write_text("slowbody")
        piece = os.urandom(1 << 20)
        with open(self.directory / "www" / "big", "wb") as big:
            for _ in range(BIG // len(piece)):
                big.write(piece)

    def _start_nginx(self):
        configuration = self.directory / "nginx.conf"
        template = (Path(__file__).parent / "nginx.conf").read_text()
        servers = "\n".join(
            f"    server {{ listen 127.0.0.1:{port} ssl backlog=4096; {SERVERS[name]} include locations.conf; }}"
            for name, port in self.ports.items())
        locations = (Path(__file__).parent / "locations.conf").read_text()
        for path, text in ((configuration, template), (self.directory / "locations.conf", locations)):
            text = text.replace("@directory@", str(self.directory)).replace("@servers@", servers)
            # As root, nginx's worker would be somebody else, who may not read the directory.
            path.write_text(text.replace("@user@", "user root;" if os.geteuid() == 0 else ""))
        log = open(self.directory / "nginx.log", "wb")
        # If this process is killed, so is nginx.
        nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
        if nginx is None:
            raise Unavailable("nginx is not installed")
        command = ["setpriv", "--pdeathsig", "TERM", nginx, "-c", str(configuration), "-e", "stderr"]
        allowed = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {self.server_core})
        try:
            self.nginx = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        finally:
            os.sched_setaffinity(0, allowed)
            log.close()
        for port in self.ports.values():
            self._await(port)
        children = Path(f"/proc/{self.nginx.pid}/task/{self.nginx.pid}/children").read_text().split()
        self.worker = int(children[0]) if children else None

    def _await(self, port: int):
        for _ in range(500):
            if self.nginx.poll() is not None:
                said = (self.directory / "nginx.log").read_text().strip().splitlines()
                raise Unavailable(f"nginx does not start: {said[-1] if said else self.nginx.returncode}")
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                time.sleep(0.01)
        raise Unavailable("nginx does not listen")
