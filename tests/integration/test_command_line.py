"""What a person or a script sees of the binary: options, ready line, exit codes."""

import json
import os
import select
import signal
import socket
import subprocess
import sys

import pytest

from harness import wire
from harness.broker import BINARY, BrokerFailed, free_port
from harness.wire import Connection

OPTIONS = """--config --set --profile --data --ephemeral --listen --advertise --topic
    --ready-file --exit-with-parent --print-config --version --help""".split()


@pytest.fixture
def run(tmp_path, gregor):
    """Runs the binary to its end, in an empty folder."""

    def run_in_empty_folder(*arguments):
        return subprocess.run(
            [BINARY, *arguments],
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
        )

    return run_in_empty_folder


def topics_of(broker, *names):
    with Connection(broker.address) as connection:
        return wire.metadata(connection, names)


# -- words ---------------------------------------------------------------------


def test_help_names_every_option(run, tmp_path):
    done = run("--help")
    assert done.returncode == 0 and done.stderr == ""
    assert [option for option in OPTIONS if option not in done.stdout] == []
    assert os.listdir(tmp_path) == []


def test_version(run):
    done = run("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, "gregor 0.1.0\n", "")


def test_print_config_shows_what_was_set_and_starts_nothing(run, tmp_path):
    done = run("--set", "num.partitions=7", "--print-config")
    assert done.returncode == 0
    assert "num.partitions=7" in done.stdout
    assert os.listdir(tmp_path) == []


def test_print_config_knows_the_profiles(run):
    key = "group.initial.rebalance.delay.ms"
    shown = run("--print-config").stdout
    assert f"# Kafka's default: 3000\n{key}=0\n" in shown
    # Kafka's own defaults need not be shown.
    assert f"{key}=0" not in run("--profile", "kafka", "--print-config").stdout


def test_print_config_can_be_read_as_a_config(run, tmp_path):
    printed = run("--set", "log.segment.bytes=2345678", "--print-config").stdout
    (tmp_path / "printed.properties").write_text(printed)
    again = run("--config", "printed.properties", "--print-config")
    assert again.returncode == 0, again.stderr
    assert "log.segment.bytes=2345678" in again.stdout


@pytest.mark.parametrize(
    "arguments,culprit",
    [
        (["--nonsense"], "--nonsense"),
        (["stray"], "stray"),
        (["--data"], "--data"),
        (["--listen", "nowhere"], "nowhere"),
        (["--listen", "127.0.0.1:99999"], "99999"),
        (["--advertise", "host:port"], "host:port"),
        (["--set", "num.partitions"], "num.partitions"),
        (["--set", "num.partitions=many"], "num.partitions"),
        (["--set", "num.partitions=0"], "num.partitions"),
        (["--set", "compression.type=brotli"], "brotli"),
        (["--profile", "fast"], "fast"),
        (["--config", "missing.properties"], "missing.properties"),
        (["--topic", "bad name"], "bad name"),
        (["--topic", "t:0"], "0"),
        (["--topic", "t:1:retention.ms"], "retention.ms"),
        (["--topic", "t:1:retention.ms=soon"], "retention.ms"),
        (["--topic", "t:1:no.such.key=1"], "no.such.key"),
        (["--data", "d", "--ephemeral"], "--ephemeral"),
    ],
)
def test_a_usage_error_exits_2_with_one_sentence_and_touches_nothing(
    run, tmp_path, arguments, culprit
):
    done = run(*arguments)
    assert done.returncode == 2, done
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1 and culprit in done.stderr
    assert os.listdir(tmp_path) == []


def test_a_bad_value_in_a_file_says_where_and_what_is_allowed(run, tmp_path):
    (tmp_path / "server.properties").write_text("# one\nnum.io.threads=0\n")
    done = run("--config", "server.properties")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "num.io.threads" in done.stderr and "1" in done.stderr
    assert os.listdir(tmp_path) == ["server.properties"]


# -- starting --------------------------------------------------------------------


def test_a_healthy_start_is_one_line(gregor):
    broker = gregor()
    assert broker.stderr() == ""
    broker.process.send_signal(signal.SIGTERM)
    assert broker.process.stdout.read() == b"", "more than the ready line"
    assert broker.wait() == 0


def test_the_ready_line_and_file_agree(gregor):
    broker = gregor()
    assert broker.ready_json() == {
        "bootstrap": broker.bootstrap,
        "data": broker.ready["data"],
        "pid": broker.pid,
        "version": "0.1.0",
    }
    assert int(broker.ready["pid"]) == broker.pid
    assert os.path.samefile(broker.ready["data"], broker.data)
    beside = [f for f in os.listdir(broker.workdir) if f.startswith("ready.json")]
    assert beside == ["ready.json"], "the temporary file was renamed, not left"


def test_ready_means_that_the_topics_asked_for_serve(gregor):
    broker = gregor(topics=["plain", "wide:12", "odd:2:cleanup.policy=compact,segment.bytes=1048576"])
    with Connection(broker.address) as connection:
        assert wire.metadata(connection, ["plain", "wide", "odd"]) == {
            "plain": (wire.NONE, [0]),
            "wide": (wire.NONE, list(range(12))),
            "odd": (wire.NONE, [0, 1]),
        }
        batch = wire.batch([b"v"], key=b"k")
        assert wire.produce(connection, "wide", 11, batch) == (wire.NONE, 0)
        # Compacted, as asked for: a record needs a key.
        keyless = wire.batch([b"v"])
        assert wire.produce(connection, "odd", 1, keyless)[0] == wire.INVALID_RECORD


def test_a_topic_asked_for_may_exist_already(gregor):
    broker = gregor(topics=["t:2"])
    broker.restart()
    assert topics_of(broker, "t") == {"t": (wire.NONE, [0, 1])}


def test_the_default_data_directory_is_in_the_current_folder(tmp_path, gregor):
    command = [BINARY, "--listen", "127.0.0.1:0", "--exit-with-parent"]
    started = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    assert started.stdout.readline().startswith("gregor ready ")
    assert (tmp_path / "gregor-data" / "meta.properties").exists()
    started.terminate()
    assert started.wait(30) == 0
    started.stdout.close()


def test_set_overrides_the_config_file(tmp_path, gregor):
    config = tmp_path / "server.properties"
    config.write_text("num.partitions=3\nauto.create.topics.enable=true\n")
    with_file = gregor(options=["--config", str(config)])
    assert auto_created_partitions(with_file) == 3
    with_both = gregor(options=["--config", str(config), "--set", "num.partitions=5"])
    assert auto_created_partitions(with_both) == 5


def auto_created_partitions(broker):
    with Connection(broker.address) as connection:
        wire.metadata(connection, ["fresh"])
        return len(wire.metadata(connection, ["fresh"])["fresh"][1])


def test_a_server_properties_made_for_kafka_is_accepted(tmp_path, gregor):
    config = tmp_path / "server.properties"
    port = free_port()
    config.write_text(
        "process.roles=broker,controller\n"
        "node.id=1\n"
        "controller.quorum.bootstrap.servers=localhost:9093\n"
        f"listeners=PLAINTEXT://:{port},CONTROLLER://:{port + 1}\n"
        "inter.broker.listener.name=PLAINTEXT\n"
        f"advertised.listeners=PLAINTEXT://localhost:{port}\n"
        "controller.listener.names=CONTROLLER\n"
        "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT\n"
        "num.network.threads=3\n"
        "num.io.threads=8\n"
        "socket.send.buffer.bytes=102400\n"
        "log.dirs=/nonexistent/kraft-combined-logs\n"
        "num.partitions=1\n"
        "num.recovery.threads.per.data.dir=1\n"
        "offsets.topic.replication.factor=1\n"
        "log.retention.hours=168\n"
    )
    broker = gregor(options=["--config", str(config)], listen=False)
    assert broker.bootstrap == f"localhost:{port}"
    assert topics_of(broker) == {}
    # Known, but without effect here: named, once.
    assert broker.stderr().count("num.network.threads") == 1


def test_an_unknown_key_is_a_warning(gregor):
    broker = gregor(settings={"log.retention.huors": 3})
    assert broker.stderr().count("log.retention.huors") == 1


def test_advertise_is_what_clients_are_told(gregor):
    port = free_port()
    broker = gregor(port=port, options=["--advertise", "broker.example:19092"])
    with Connection(("127.0.0.1", port)) as connection:
        reader = connection.ask(wire.METADATA, 1, wire.array([]))
        brokers = reader.array(
            lambda: (reader.int32(), reader.string(), reader.int32(), reader.string())
        )
    assert [(host, port) for _, host, port, _ in brokers] == [("broker.example", 19092)]


def test_an_empty_host_listens_on_all_addresses(gregor):
    """IPv4 and IPv6, and an address of one client counts as the same in both."""
    broker = gregor(
        listen=False,
        settings={"max.connections.per.ip.overrides": "127.0.0.1:1"},
        options=["--listen", ":0", "--advertise", "127.0.0.1:0"],
    )
    port = int(json.loads(broker.ready_file.read_text())["bootstrap"].rsplit(":", 1)[1])
    with Connection(("127.0.0.1", port)) as connection:
        connection.ask(wire.API_VERSIONS, 0, b"")
        with Connection(("127.0.0.1", port)) as refused_one:
            refused_one.await_close()
        if socket.has_dualstack_ipv6():
            socket.create_connection(("::1", port)).close()


# -- refusing to start -------------------------------------------------------------


def refused(broker, culprit):
    """Starts a broker that must exit 1 with one sentence that names why."""
    with pytest.raises(BrokerFailed):
        broker.start()
    said = broker.stderr()
    assert said.count("\n") == 1 and str(culprit) in said, said
    broker.stderr_path.unlink()


def exit_code(broker):
    """What a start ends with that does not come to serve."""
    done = subprocess.run(
        broker.command(), capture_output=True, stdin=subprocess.DEVNULL, timeout=30
    )
    return done.returncode


def test_a_data_directory_in_use_exits_1_and_is_named(gregor):
    broker = gregor(topics=["t"])
    second = gregor.make(data=broker.data)
    refused(second, broker.data)
    assert exit_code(second) == 1
    assert topics_of(broker, "t") == {"t": (wire.NONE, [0])}


def test_a_data_directory_that_is_a_file_exits_1(tmp_path, gregor):
    data = tmp_path / "file"
    data.write_text("mine")
    broker = gregor.make(data=data)
    refused(broker, data)
    assert exit_code(broker) == 1
    assert data.read_text() == "mine"


def test_a_directory_keeps_its_node_id(gregor):
    broker = gregor(options=["--set", "node.id=7"])
    broker.stop()
    broker.options = []
    broker.start()
    assert "node.id=7" in (broker.data / "meta.properties").read_text()


@pytest.mark.parametrize(
    "line,becomes",
    [("version=1", "version=2"), ("node.id=", "node.id=7"), ("version=1", "version=x")],
)
def test_a_directory_of_another_make_exits_1(gregor, line, becomes):
    broker = gregor(options=["--set", "node.id=1"])
    broker.stop()
    meta = broker.data / "meta.properties"
    kept = meta.read_text().splitlines()
    assert any(entry.startswith(line) for entry in kept)
    changed = [becomes if entry.startswith(line) else entry for entry in kept]
    meta.write_text("\n".join(changed) + "\n")
    refused(broker, broker.data)
    assert exit_code(broker) == 1


def test_a_port_in_use_exits_1_and_is_named(gregor):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        broker = gregor.make(port=port)
        refused(broker, port)
        assert exit_code(broker) == 1


# -- ending ----------------------------------------------------------------------


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_0(gregor, sig):
    broker = gregor(topics=["t"])
    broker.stop(sig)
    assert (broker.data / ".kafka_cleanshutdown").exists()
    assert broker.stderr() == ""


@pytest.mark.release
@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_broker_ends_within_200_ms(gregor, sig):
    """The quickest of some: what others do to the disk is not the broker's."""
    broker = gregor(topics=["t:50"])
    times = [broker.stop(sig)]
    while min(times) >= 200 and len(times) < 5:
        broker.start()
        times.append(broker.stop(sig))
    assert min(times) < 200


def test_a_waiting_fetch_does_not_hold_up_the_end(gregor):
    broker = gregor(topics=["t"])
    with Connection(broker.address) as waiting:
        body = wire.fetch_body("t", 0, 0, max_wait_ms=60000, min_bytes=1)
        waiting.send(wire.FETCH, 4, body)
        # Answered behind it on another connection: it has arrived.
        assert topics_of(broker, "t")
        assert broker.stop() < 5000
        waiting.await_close()


def test_ephemeral_data_is_gone_after_the_end(gregor):
    """After any signal that can be caught, not only those meant to end it."""
    for name in "TERM INT HUP QUIT USR1 USR2 ALRM VTALRM PROF XCPU IO".split():
        sig = signal.Signals[f"SIG{name}"]
        broker = gregor(options=["--ephemeral"], topics=["t"])
        data = broker.ready["data"]
        assert os.stat(data).st_mode & 0o077 == 0, "private"
        broker.stop(sig)
        assert not os.path.exists(data)


def test_nobody_need_read_the_ready_line(tmp_path, gregor):
    """A pipe whose reader has left ends nothing, and leaves no folder behind."""
    reading, writing = os.pipe()
    os.close(reading)
    (tmp_path / "tmp").mkdir()
    ready = tmp_path / "ready.json"
    started = subprocess.Popen(
        [BINARY, "--ephemeral", "--listen", "127.0.0.1:0", "--ready-file", ready],
        env={**os.environ, "TMPDIR": str(tmp_path / "tmp")},
        stdout=writing,
    )
    os.close(writing)
    while not ready.exists():
        assert started.poll() is None, "it ended"
    host, port = json.loads(ready.read_text())["bootstrap"].split(":")
    with Connection((host, int(port))) as connection:
        assert connection.ask(wire.API_VERSIONS, 0).int16() == wire.NONE
    started.terminate()
    assert started.wait(30) == 0
    assert os.listdir(tmp_path / "tmp") == []


def test_ephemeral_data_is_gone_after_a_start_that_failed(tmp_path, gregor):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        done = subprocess.run(
            [BINARY, "--ephemeral", "--listen", listen],
            env={**os.environ, "TMPDIR": str(tmp_path)},
            capture_output=True,
            timeout=30,
        )
    assert done.returncode == 1
    assert os.listdir(tmp_path) == []


def test_exit_with_parent_ends_when_the_parent_is_killed(tmp_path, gregor):
    starter = (
        "import subprocess, sys\n"
        "started = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE, text=True)\n"
        "print(started.pid, started.stdout.readline(), flush=True)\n"
        "sys.stdin.read()\n"
    )
    command = [BINARY, "--ephemeral", "--listen", "127.0.0.1:0", "--exit-with-parent"]
    parent = subprocess.Popen(
        [sys.executable, "-c", starter, *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    pid, _, ready = parent.stdout.readline().partition(" ")
    assert ready.startswith("gregor ready ")
    data = ready.split("data=")[1].split(" pid=")[0]
    watched = os.pidfd_open(int(pid))
    parent.kill()
    parent.communicate()
    assert select.select([watched], [], [], 20)[0], "outlived its parent"
    os.close(watched)
    assert not os.path.exists(data), "it ended as by a signal, and cleaned up"


def test_the_ready_file_is_written_whole(gregor):
    """A reader that polls the path never sees half of it: it is a new inode."""
    broker = gregor()
    first = os.stat(broker.ready_file).st_ino
    assert json.loads(broker.ready_file.read_text())["pid"] == broker.pid
    with open(broker.ready_file) as still_open:
        broker.restart()
        assert json.load(still_open)["pid"] != broker.pid
        assert os.stat(broker.ready_file).st_ino != first
