"""The benchmark: what is measured, of whom, and the table.

tests/bench/run.sh builds what this needs and starts it.
"""

import argparse
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from confluent_kafka import Producer
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
)

from harness import kafka, wire
from harness.broker import (
    ROOT,
    ApacheKafka,
    Gregor,
    cpu_seconds,
    free_port,
    peak_rss_bytes,
)
from harness.consumer import Consumer
from harness.group import Client as ClassicClient
from harness.messages import errors
from harness.wire import Connection

CLIENT = ROOT / ".cache" / "bench_client"
SIZES = (1024, 100)
ACKS = ("1", "all")
GIB, MIB, KIB = 1 << 30, 1 << 20, 1 << 10
PROTOCOLS = ("classic", "consumer")
MEMBERS, SHARED = 50, 200  # who settles, and on how many partitions
# As many as make Apache Kafka fast, who has one request of a connection at a time
# and lets its groups' records linger for 5 ms.
COMMITTERS = 200
COMMITTED_GROUPS = 1000
ENTERING = 100
# By default a target assignment is computed a second after the last one, by either.
# That wait is not what is measured.
SETTINGS = {"group.consumer.assignment.interval.ms": "0"}
# How much each measurement is; a quick run only shows that everything works.
FULL = {
    "bytes": {1024: 1_000_000_000, 100: 300_000_000},
    "warm_up": 100_000_000,
    "latencies": 3000,
    "fresh_groups": 200,
    "settles": 9,
    "commits": 100_000,
    "groups": 10_000,
    "connections": 5000,
    "partitions": 10_000,
    "compaction": 1_000_000_000,
}
QUICK = {
    "bytes": {1024: 10_000_000, 100: 3_000_000},
    "warm_up": 1_000_000,
    "latencies": 50,
    "fresh_groups": 10,
    "settles": 1,
    "commits": 2000,
    "groups": 200,
    "connections": 200,
    "partitions": 200,
    "compaction": 30_000_000,
}


# -- the two brokers -----------------------------------------------------------------


def make_gregor(workdir):
    return Gregor(workdir, SETTINGS, port=free_port())


def make_kafka(workdir):
    broker = ApacheKafka(workdir, SETTINGS)
    broker.configure()  # formatting is not starting
    return broker


def settle():
    """Lets a broker that has started come to rest before its memory is read."""
    time.sleep(1)


# -- measurements --------------------------------------------------------------------


def client(*arguments):
    """Runs the native client; what it measured."""
    done = subprocess.run(
        [CLIENT, *map(str, arguments)], capture_output=True, text=True, timeout=300
    )
    if done.returncode != 0:
        sys.exit(done.stderr.strip())
    return json.loads(done.stdout)


def touch_memory(size):
    """Uses so much memory, and gives it back. A virtual machine's host may have to
    find a page when it is first used; who comes first would pay that."""
    len(bytearray(b"\1") * size)


def loaded(broker, *arguments):
    """(MB a second, seconds of the broker's CPU a GB) of a run of the client."""
    os.sync()  # what ran before must not be written out meanwhile
    touch_memory(2 * FULL["bytes"][max(SIZES)])
    before = cpu_seconds(broker.pid)
    measured = client(*arguments)
    spent = cpu_seconds(broker.pid) - before
    gigabytes = measured["bytes"] / 1e9
    return measured["bytes"] / measured["seconds"] / 1e6, spent / gigabytes


def make_topic(broker, name, partitions=1):
    with Connection(broker.address) as connection:
        wire.make_topic(connection, name, partitions)


def measure_start(make, workdir, results):
    broker = make(workdir)
    command = broker.command()
    measured = client("start", broker.port, *command)
    results["start to first answer, ms"] = measured["first_answer_ms"]


def measure_throughput(broker, load, results):
    for size in SIZES:
        count = load["bytes"][size] // size
        for acks in ACKS:
            topic = f"size-{size}-acks-{acks}"
            make_topic(broker, topic)
            speed, cpu = loaded(
                broker, "produce", broker.bootstrap, topic, size, count, acks
            )
            results[f"{size} B in, acks {acks}, MB/s"] = speed
            results[f"{size} B in, acks {acks}, CPU s/GB"] = cpu
        speed, cpu = loaded(broker, "consume", broker.bootstrap, topic, count)
        results[f"{size} B out, MB/s"] = speed
        results[f"{size} B out, CPU s/GB"] = cpu


def warm_up(broker, load):
    """A JVM compiles what it runs often: neither broker is measured cold."""
    make_topic(broker, "warm-up")
    count = load["warm_up"] // 1024
    client("produce", broker.bootstrap, "warm-up", 1024, count, "all")
    client("consume", broker.bootstrap, "warm-up", count)


def measure_latency(broker, load, results):
    make_topic(broker, "latency")
    measured = client("latency", broker.bootstrap, "latency", load["latencies"])
    results["produce to consume, p50 µs"] = measured["p50_us"]
    results["produce to consume, p99 µs"] = measured["p99_us"]


def classic_member(broker, topic, group):
    member = ClassicClient(broker, group)
    assert member.coordinate()["ErrorCode"] == errors.NONE
    joined = member.join(topics=[topic])
    synced = member.sync({joined["MemberId"]: b"all"})
    assert synced["ErrorCode"] == errors.NONE
    return member


def consumer_member(broker, topic, group):
    member = Consumer(broker, group)
    assert member.coordinate()["ErrorCode"] == errors.NONE
    assert member.join(topic)["ErrorCode"] == errors.NONE
    while not member.assigned:
        assert member.own()["ErrorCode"] == errors.NONE
    return member


MEMBER_OF = {"classic": classic_member, "consumer": consumer_member}


def first_record(broker, topic, group, protocol):
    """From nothing to the first record, request by request as clients do it. No
    client library: librdkafka waits for 100 ms in between, whoever answers."""
    member = MEMBER_OF[protocol](broker, topic, group)
    code, committed, _ = member.committed(topic)
    assert code == errors.NONE and committed == -1
    _, _, earliest = wire.list_offset(member.connection, topic, 0, -2)
    assert wire.fetch(member.connection, topic, 0, earliest)[-1]
    member.leave()
    member.close()


def make_group_topics(broker):
    """Among them the topic of offsets, which is made and loaded when it is first
    asked for: there are groups of each of its partitions."""
    make_topic(broker, "groups")
    make_topic(broker, "shared", SHARED)
    for number in range(COMMITTED_GROUPS):
        member = ClassicClient(broker, f"group-{number}")
        while member.coordinate()["ErrorCode"] != errors.NONE:
            pass
        while member.commit("groups", 0) != errors.NONE:
            pass
        member.close()


def measure_fresh_groups(broker, load, results):
    client("produce", broker.bootstrap, "groups", 100, 1, "all")
    settle()
    for protocol in PROTOCOLS:
        took = []
        for number in range(load["fresh_groups"]):
            began = time.perf_counter()
            first_record(broker, "groups", f"{protocol}-{number}", protocol)
            took.append((time.perf_counter() - began) * 1000)
        row = f"fresh {protocol} group to first record, ms"
        results[row] = statistics.median(took)


def measure_settling(broker, load, results):
    port = broker.address[1]
    for protocol in PROTOCOLS:
        measured = [
            client("settle", port, protocol, f"{protocol}-50-{n}", "shared", MEMBERS, SHARED)
            for n in range(load["settles"])
        ]
        row = f"50 {protocol} members settle, ms"
        results[row] = statistics.median(one["ms"] for one in measured)


def measure_commits(broker, load, results):
    command = ("commits", broker.address[1], "groups", COMMITTERS, COMMITTED_GROUPS)
    client(*command, load["commits"])  # neither is measured cold
    before = cpu_seconds(broker.pid)
    measured = client(*command, load["commits"])
    spent = cpu_seconds(broker.pid) - before
    results["commits a second"] = measured["commits"] / measured["seconds"]
    results["100,000 commits, CPU s"] = spent * 100_000 / measured["commits"]


def measure_groups(broker, load, results):
    make_group_topics(broker)
    measure_fresh_groups(broker, load, results)
    measure_settling(broker, load, results)
    measure_commits(broker, load, results)


def measure_group_memory(make, folder, load, results):
    """All that a broker takes which does nothing else."""
    for protocol in PROTOCOLS:
        broker = make(folder(protocol)).start()
        make_group_topics(broker)
        command = ("groups", broker.address[1], protocol, "groups", ENTERING)
        client(*command, load["groups"])
        settle()
        results[f"10,000 {protocol} groups, RSS MiB"] = broker.rss_bytes() / MIB
        broker.stop()
        folder(protocol)


def write_keyed(broker, topic, size):
    """So many bytes in records of 1 KiB, each tenth with a key of its own."""
    count = size // 1024
    value = os.urandom(1000)
    producer = Producer({"bootstrap.servers": broker.bootstrap, "linger.ms": 5})
    for number in range(count):
        key = b"%d" % (number * 7919 % (count // 10))
        while True:
            try:
                producer.produce(topic, value, key)
                break
            except BufferError:
                producer.poll(0.1)
    if producer.flush(60) > 0:
        sys.exit("the records to be compacted were not all taken")


def is_cleaned(broker, topic, end):
    checkpoint = broker.data / "cleaner-offset-checkpoint"
    return checkpoint.exists() and f"{topic} 0 {end}\n" in checkpoint.read_text()


def appends_until_cleaned(broker, topic, end):
    """Milliseconds that a batch to another topic takes meanwhile, a thousand times
    a second."""
    took = []
    batch = wire.batch([b"x" * 100])
    with Connection(broker.address) as connection:
        while len(took) < 2 or not is_cleaned(broker, topic, end):
            began = time.perf_counter()
            wire.produce(connection, "other", 0, batch)
            took.append((time.perf_counter() - began) * 1000)
            time.sleep(0.001)
    return took


def measure_compaction(make, workdir, load, results):
    """A directory that Gregor wrote, until all but the active segment is cleaned."""
    writer = make_gregor(workdir).start()
    with Connection(writer.address) as connection:
        wire.make_topic(connection, "keyed", 1, {"segment.bytes": str(16 * MIB)})
        wire.make_topic(connection, "other")
    write_keyed(writer, "keyed", load["compaction"])
    writer.stop()
    broker = make(workdir)
    broker.settings["log.cleaner.backoff.ms"] = "10"
    broker.start()
    settle()
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    segments = list(broker.data.glob("keyed-0/*.log"))
    size = sum(p.stat().st_size for p in segments)
    active = max(int(p.stem) for p in segments)
    policy = ConfigEntry(
        "cleanup.policy", "compact", incremental_operation=AlterConfigOpType.SET
    )
    topic = ConfigResource(
        ConfigResource.Type.TOPIC, "keyed", incremental_configs=[policy]
    )
    began = time.perf_counter()
    admin.incremental_alter_configs([topic])[topic].result(60)
    took = appends_until_cleaned(broker, "keyed", active)
    results["compaction, MB/s"] = size / (time.perf_counter() - began) / 1e6
    results["append while compacting, p99 ms"] = statistics.quantiles(took, n=100)[98]
    results["compaction, peak RSS MiB"] = peak_rss_bytes(broker.pid) / MIB
    broker.stop()


def measure_connections(broker, load, results):
    count = load["connections"]
    before = broker.rss_bytes()
    process = subprocess.Popen(
        [CLIENT, "connections", str(broker.address[1]), str(count)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    if not process.stdout.readline():
        sys.exit("the connections were not all served")
    grown = broker.rss_bytes() - before
    process.communicate()
    results["an idle connection, KiB"] = grown / count / KIB


def measure_partitions(make, workdir, load, results):
    """The restart of a broker that holds many partitions."""
    broker = make(workdir)
    broker.start()
    for i in range(load["partitions"] // 100):
        make_topic(broker, f"of-100-{i}", 100)
    broker.stop()
    measured = client("start", broker.port, *broker.command())
    results["restart with 10,000 partitions, ms"] = measured["first_answer_ms"]
    broker.start()
    settle()
    results["10,000 partitions, RSS MiB"] = broker.rss_bytes() / MIB
    broker.stop()


def folders(disk):
    """folder(part): an empty directory for each part."""

    def folder(part):
        path = Path(disk) / part
        shutil.rmtree(path, ignore_errors=True)
        return path

    return folder


def measure_groups_only(make, disk, load, results):
    folder = folders(disk)
    broker = make(folder("load")).start()
    warm_up(broker, load)
    measure_groups(broker, load, results)
    broker.stop()
    folder("load")
    measure_group_memory(make, folder, load, results)


def measure(make, disk, load, results, partitions):
    """Everything once, each part in a directory of its own."""
    folder = folders(disk)
    measure_start(make, folder("start"), results)
    broker = make(folder("load")).start()
    settle()
    results["RSS idle, MiB"] = broker.rss_bytes() / MIB
    warm_up(broker, load)
    measure_latency(broker, load, results)
    measure_groups(broker, load, results)
    measure_throughput(broker, load, results)
    results["RSS after the load, MiB"] = broker.rss_bytes() / MIB
    broker.restart()
    settle()
    measure_connections(broker, load, results)
    broker.stop()
    folder("load")
    measure_group_memory(make, folder, load, results)
    measure_compaction(make, folder("compaction"), load, results)
    folder("compaction")
    if partitions:
        measure_partitions(make, folder("partitions"), load, results)


# -- the table -----------------------------------------------------------------------

# Rows in the order of the issue: what is measured, and what is aimed at, Gregor's
# own figure first, then Gregor's over Kafka's.
ROWS = [
    ("start to first answer, ms", "< 10, < 0.01 ×"),
    ("RSS idle, MiB", "< 6"),
    ("RSS after the load, MiB", "< 40"),
    *[
        row
        for size in SIZES
        for acks in ACKS
        for row in (
            (f"{size} B in, acks {acks}, MB/s", "> 1.5 ×"),
            (f"{size} B in, acks {acks}, CPU s/GB", "< 0.167 ×"),
        )
    ],
    *[
        row
        for size in SIZES
        for row in (
            (f"{size} B out, MB/s", "> 1.3 ×"),
            (f"{size} B out, CPU s/GB", "< 0.25 ×"),
        )
    ],
    ("produce to consume, p50 µs", "< 200, < 0.25 ×"),
    ("produce to consume, p99 µs", "< 1000, < 0.25 ×"),
    *[
        (f"fresh {protocol} group to first record, ms", "< 50, < 0.2 ×")
        for protocol in PROTOCOLS
    ],
    *[(f"50 {protocol} members settle, ms", "< 0.5 ×") for protocol in PROTOCOLS],
    ("commits a second", "> 20,000, > 2 ×"),
    ("100,000 commits, CPU s", ""),
    *[(f"10,000 {protocol} groups, RSS MiB", "< 40") for protocol in PROTOCOLS],
    ("compaction, MB/s", "> 3 ×"),
    ("compaction, peak RSS MiB", "< 138"),
    ("append while compacting, p99 ms", "< 2"),
    ("an idle connection, KiB", "< 12"),
    ("restart with 10,000 partitions, ms", "< 1000"),
    ("10,000 partitions, RSS MiB", "< 100"),
]


def figure(value):
    if value is None:
        return ""
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def table(names, medians):
    compared = len(names) == 2
    columns = [*names, "ratio"] if compared else names
    lines = ["| measure | " + " | ".join(columns) + " | goal |"]
    lines.append("| --- |" + " ---: |" * len(columns) + " --- |")
    for row, goal in ROWS:
        values = [medians[name].get(row) for name in names]
        if values[0] is None:
            continue
        cells = [figure(value) for value in values]
        if compared:
            cells.append(f"{figure(values[0] / values[1])} ×" if values[1] else "")
        lines.append(f"| {row} | " + " | ".join([*cells, goal]) + " |")
    return "\n".join(lines)


def machine():
    """One line that tells what the figures were measured on."""
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB
    cores = len(os.sched_getaffinity(0))
    return (
        f"{model}, {cores} cores, {memory:.0f} GiB, Linux {platform.release()};"
        f" client and broker share the cores"
    )


def arguments():
    parser = argparse.ArgumentParser(prog="tests/bench/run.sh")
    parser.add_argument("--repeat", type=int, default=3, metavar="N")
    parser.add_argument("--quick", action="store_true", help="once, with little load")
    parser.add_argument("--gregor-only", action="store_true")
    parser.add_argument(
        "--groups-only", action="store_true", help="what consumer groups are about"
    )
    parser.add_argument(
        "--kafka-partitions",
        action="store_true",
        help="10,000 partitions of Apache Kafka too, which takes minutes",
    )
    parser.add_argument(
        "--disk", default=None, help="folder for the data; by default /var/tmp"
    )
    parser.add_argument("--json", type=Path, help="every single figure, to a file")
    return parser.parse_args()


def main():
    options = arguments()
    load = QUICK if options.quick else FULL
    repeat = 1 if options.quick else options.repeat
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, hard), hard))

    brokers = {"Gregor": make_gregor}
    why_not = None if options.gregor_only else kafka.available()
    if why_not:
        print(f"Gregor alone: {why_not}\n")
    elif not options.gregor_only:
        brokers["Apache Kafka 4.3.0"] = make_kafka

    runs = {name: [] for name in brokers}
    with tempfile.TemporaryDirectory(
        prefix="gregor-bench-", dir=options.disk or "/var/tmp"
    ) as disk:
        for number in range(repeat):
            for name, make in brokers.items():
                print(f"run {number + 1} of {repeat}: {name}", file=sys.stderr)
                results = {}
                partitions = number == 0 and (
                    make is make_gregor or options.kafka_partitions
                )
                if options.groups_only:
                    measure_groups_only(make, disk, load, results)
                else:
                    measure(make, disk, load, results, partitions)
                runs[name].append(results)
    medians = {
        name: {
            row: statistics.median(run[row] for run in done if row in run)
            for row, _ in ROWS
            if any(row in run for run in done)
        }
        for name, done in runs.items()
    }
    if options.json:
        options.json.write_text(json.dumps(runs, indent=1, ensure_ascii=False) + "\n")
    runs_said = "One run" if repeat == 1 else f"Medians of {repeat} runs"
    print(f"{machine()}. {runs_said}.\n")
    print(table(list(brokers), medians))


if __name__ == "__main__":
    main()
