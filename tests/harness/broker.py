"""A broker in a process of its own: Gregor, or Apache Kafka to compare with.

Nothing here sleeps for luck. A start is over when the broker says so on its
standard output, an end when the process is gone.
"""

import json
import os
import re
import resource
import select
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("GREGOR", ROOT / "build" / "gregor")).absolute()
READY = re.compile(
    r"^gregor ready bootstrap=(?P<host>\S+):(?P<port>\d+) data=(?P<data>.+)"
    r" pid=(?P<pid>\d+) ms=(?P<ms>\d+(\.\d+)?)$"
)
# What the sanitizers and assert() print when they have found something.
REPORTS = re.compile(
    r"ERROR: \w*Sanitizer|WARNING: ThreadSanitizer|runtime error:|Assertion .* failed"
)
# An instrumented binary is several times slower; limits that users feel are
# asserted on the release build alone.
SANITIZED = "san" in BINARY.parent.name
# Run the tests that do not need Gregor itself against Apache Kafka instead.
AGAINST_KAFKA = os.environ.get("BROKER") == "kafka"
START_SECONDS = 30
STOP_SECONDS = 30


class BrokerFailed(AssertionError):
    """The broker did not start, or said or did what it must not."""


def free_port():
    """A port that nobody listens on, outside the range of outgoing connections,
    so that a broker finds it free again after a restart."""
    for port in range(20000 + os.getpid() % 5000, 32000):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise BrokerFailed("no free port")


class Gregor:
    """One broker with its data directory; start, stop, kill, start again."""

    name = "Gregor"

    def __init__(
        self,
        workdir,
        settings=None,
        topics=(),
        options=(),
        data=None,
        port=0,
        listen=True,
        file_size_limit=None,
    ):
        self.workdir = Path(workdir)
        self.data = Path(data) if data else self.workdir / "data"
        self.settings = dict(settings or {})
        self.topics = list(topics)
        self.options = list(options)
        self.port = port
        self.listen = listen  # False: the configuration says where
        self.file_size_limit = file_size_limit
        self.process = None
        self.host = "127.0.0.1"
        self.ready = None
        self.ready_file = self.workdir / "ready.json"
        self.stderr_path = self.workdir / "stderr.txt"
        self.expected_exit = 0

    # -- starting ------------------------------------------------------------

    def command(self):
        command = [str(BINARY)]
        if "--ephemeral" not in self.options:
            command += ["--data", str(self.data)]
        if self.listen:
            command += ["--listen", f"{self.host}:{self.port}"]
        command += ["--ready-file", str(self.ready_file), "--exit-with-parent"]
        for key, value in self.settings.items():
            command += ["--set", f"{key}={value}"]
        for topic in self.topics:
            command += ["--topic", topic]
        return command + self.options

    def spawn(self):
        """Starts the process, and does not wait until it serves."""
        assert self.process is None, "already started"
        self.workdir.mkdir(parents=True, exist_ok=True)
        with open(self.stderr_path, "ab") as stderr:
            self.process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                cwd=self.workdir,
                **self._limits(),
            )

    def start(self):
        self.spawn()
        line = self._first_line()
        self.ready = READY.match(line)
        if not self.ready:
            self.kill()
            raise BrokerFailed(f"no ready line but {line!r}\n{self.stderr()}")
        return self

    def _limits(self):
        """A disk that refuses: writes past this size of a file fail (EFBIG)."""
        if self.file_size_limit is None:
            return {}
        # The soft limit alone, so that it can be lifted again.
        limit = (self.file_size_limit, resource.RLIM_INFINITY)
        # Python ignores SIGXFSZ, and so does its child if that is not restored.
        return {
            "restore_signals": False,
            "preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit),
        }

    def lift_file_size_limit(self):
        """While it runs: the disk takes everything again."""
        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, unlimited)

    def _first_line(self):
        """The first line of standard output; '' if it ended or took too long."""
        stdout = self.process.stdout
        deadline = time.monotonic() + START_SECONDS
        line = b""
        while not line.endswith(b"\n"):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([stdout], [], [], left)[0]:
                break
            byte = os.read(stdout.fileno(), 1)
            if not byte:
                break
            line += byte
        return line.decode(errors="replace").rstrip("\n")

    # -- what it is -----------------------------------------------------------

    @property
    def bootstrap(self):
        return f"{self.ready['host']}:{self.ready['port']}"

    @property
    def address(self):
        return self.ready["host"], int(self.ready["port"])

    @property
    def pid(self):
        return self.process.pid

    def ready_json(self):
        return json.loads(self.ready_file.read_text())

    def stderr(self):
        return self.stderr_path.read_text(errors="replace")

    def rss_bytes(self):
        return rss_bytes(self.pid)

    # -- ending ---------------------------------------------------------------

    def wait(self, seconds=STOP_SECONDS):
        """Waits for the process to end by itself; the exit code."""
        code = self.process.wait(seconds)
        self.process.stdout.close()
        self.process = None
        return code

    def kill(self):
        """kill -9, as the power cut of a process."""
        if self.process is not None:
            self.process.kill()
            self.wait()

    def stop(self, sig=signal.SIGTERM):
        """Asks it to end, and returns the milliseconds that this took."""
        began = time.monotonic()
        self.process.send_signal(sig)
        try:
            code = self.wait()
        except subprocess.TimeoutExpired:
            self.kill()
            raise BrokerFailed(f"still there {STOP_SECONDS} s after {sig}") from None
        took = (time.monotonic() - began) * 1000
        if code != self.expected_exit:
            raise BrokerFailed(f"exit code {code} after {sig}\n{self.stderr()}")
        return took

    def restart(self):
        self.stop()
        return self.start()

    def close(self):
        """Ends what still runs and complains of anything unexpected."""
        if self.process is not None:
            code = self.process.poll()
            if code is None:
                self.stop()
            else:
                self.wait()
                raise BrokerFailed(f"had ended with {code}\n{self.stderr()}")
        self.check_reports()

    def check_reports(self):
        if self.stderr_path.exists() and REPORTS.search(self.stderr()):
            raise BrokerFailed("the broker's stderr holds a report:\n" + self.stderr())


class Started:
    """Starts brokers for a test and ends them with it, complaining of any that
    came to an unexpected end or whose sanitizers reported something."""

    def __init__(self, tmp_path_factory):
        self.tmp_path_factory = tmp_path_factory
        self.brokers = []

    def make(self, **options):
        broker = Gregor(self.tmp_path_factory.mktemp("gregor"), **options)
        self.brokers.append(broker)
        return broker

    def __call__(self, **options):
        return self.make(**options).start()

    def close(self):
        failures = []
        for broker in self.brokers:
            try:
                broker.close()
            except AssertionError as failure:
                failures.append(str(failure))
            if broker.stderr_path.exists() and broker.stderr():
                print(f"stderr of {broker.workdir}:\n{broker.stderr()}")
        assert not failures, "\n".join(failures)


class ApacheKafka:
    """Apache Kafka's broker and controller in one process, from Maven Central.

    Settings are handed over as they are; the log directory is formatted once.
    """

    name = "Apache Kafka"
    heap = ("-Xmx1G", "-Xms1G")  # as kafka-server-start.sh

    def __init__(
        self, workdir, settings=None, topics=(), data=None, heap=None, release=None
    ):
        from harness import kafka

        self.release = release or kafka.CURRENT
        self.workdir = Path(workdir)
        self.data = Path(data) if data else self.workdir / "data"
        self.settings = dict(settings or {})
        self.topics = list(topics)
        self.heap = heap or self.heap
        self.process = None
        self.port = free_port()
        self.properties = self.workdir / "server.properties"
        self.log_path = self.workdir / "kafka.txt"

    def configure(self):
        """Writes server.properties and formats the directory: kafka-storage."""
        self.workdir.mkdir(parents=True, exist_ok=True)
        controller = free_port_after(self.port)
        lines = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "controller.listener.names": "CONTROLLER",
            "listeners": f"PLAINTEXT://127.0.0.1:{self.port},"
            f"CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self.port}",
            "log.dirs": str(self.data),
            "offsets.topic.replication.factor": "1",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "group.initial.rebalance.delay.ms": "0",
            **self.settings,
        }
        self.properties.write_text("".join(f"{k}={v}\n" for k, v in lines.items()))
        if not (self.data / "meta.properties").exists():
            self.release.run(
                "kafka.tools.StorageTool",
                "format",
                *("-t", "NP9KOU1lR9yX4cbhZBRs8w"),
                *("-c", str(self.properties)),
            )

    def command(self):
        from harness import kafka

        return [
            kafka.java(),
            *self.heap,
            "-server",
            "-XX:+UseG1GC",
            "-XX:MaxGCPauseMillis=20",
            "-XX:InitiatingHeapOccupancyPercent=35",
            "-XX:+ExplicitGCInvokesConcurrent",
            "-Djava.awt.headless=true",
            *self.release.logging("-broker"),
            "-cp",
            self.release.classpath(),
            "kafka.Kafka",
            str(self.properties),
        ]

    def start(self):
        self.configure()
        self.process = subprocess.Popen(
            self.command(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self.workdir,
        )
        self._await_started()
        self._create_topics()
        return self

    def _await_started(self):
        """Kafka says that it serves in its log, which goes to stdout here. What
        it says later has to be taken, too, or it would wait for that."""
        started = threading.Event()
        self.reader = threading.Thread(target=self._read_log, args=[started])
        self.reader.start()
        started.wait()
        if self.process.poll() is not None:
            said = self.log_path.read_text()[-4000:]
            raise BrokerFailed("Kafka did not start:\n" + said)

    def _read_log(self, started):
        with self.process.stdout as lines, open(self.log_path, "ab") as log:
            for line in lines:
                log.write(line)
                if b"Kafka Server started" in line:
                    log.flush()
                    started.set()
        self.process.wait()
        started.set()

    def _create_topics(self):
        if not self.topics:
            return
        from confluent_kafka.admin import AdminClient, NewTopic

        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        new = []
        for spec in self.topics:
            name, parts, config = (spec.split(":", 2) + ["", ""])[:3]
            pairs = dict(pair.split("=", 1) for pair in config.split(",") if pair)
            new.append(NewTopic(name, int(parts or 1), 1, config=pairs))
        for future in admin.create_topics(new).values():
            future.result(60)
        self.topics = []

    @property
    def bootstrap(self):
        return f"127.0.0.1:{self.port}"

    @property
    def address(self):
        return "127.0.0.1", self.port

    @property
    def pid(self):
        return self.process.pid

    def rss_bytes(self):
        return rss_bytes(self.pid)

    def stop(self):
        self.process.terminate()
        self._ended()

    def kill(self):
        self.process.kill()
        self._ended()

    def _ended(self):
        self.process.wait(60)
        self.reader.join()
        self.process = None

    def restart(self):
        self.stop()
        return self.start()

    def close(self):
        if self.process is not None:
            self.stop()


def free_port_after(port):
    for candidate in range(port + 1, 32700):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", candidate))
                return candidate
            except OSError:
                continue
    raise BrokerFailed("no free port")


def status_bytes(pid, field):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise BrokerFailed(f"no such process {pid}")


def rss_bytes(pid):
    """Resident memory, as the kernel counts it."""
    return status_bytes(pid, "VmRSS")


def peak_rss_bytes(pid):
    """The most that it ever was."""
    return status_bytes(pid, "VmHWM")


def cpu_seconds(pid):
    """Processor time used so far, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
