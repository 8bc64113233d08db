"""Apache Kafka's command-line tools, run as a user of its scripts would.

tests/interop/pom.xml names the version; Maven Central provides it. Each call
is a JVM of its own, started with what makes short runs fast.
"""

import functools
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
INTEROP = ROOT / "tests" / "interop"
CACHE = ROOT / ".cache"
QUICK = ("-XX:TieredStopAtLevel=1", "-Xshare:auto", "-XX:+UseSerialGC", "-Xmx256m")

TOOLS = {
    "kafka-broker-api-versions": "org.apache.kafka.tools.BrokerApiVersionsCommand",
    "kafka-configs": "kafka.admin.ConfigCommand",
    "kafka-console-consumer": "org.apache.kafka.tools.consumer.ConsoleConsumer",
    "kafka-console-producer": "org.apache.kafka.tools.ConsoleProducer",
    "kafka-consumer-perf-test": "org.apache.kafka.tools.ConsumerPerformance",
    "kafka-consumer-groups": "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
    "kafka-delete-records": "org.apache.kafka.tools.DeleteRecordsCommand",
    "kafka-dump-log": "org.apache.kafka.tools.DumpLogSegments",
    "kafka-get-offsets": "org.apache.kafka.tools.GetOffsetShell",
    "kafka-log-dirs": "org.apache.kafka.tools.LogDirsCommand",
    "kafka-producer-perf-test": "org.apache.kafka.tools.ProducerPerformance",
    "kafka-server-start": "kafka.Kafka",
    "kafka-topics": "org.apache.kafka.tools.TopicCommand",
}


def java():
    found = shutil.which("java")
    if not found:
        raise FileNotFoundError("java is not installed")
    return found


def available():
    """Why the tools cannot be run here; None if they can."""
    if not shutil.which("java"):
        return "java is not installed"
    try:
        classpath()
    except (OSError, subprocess.SubprocessError) as error:
        return f"Kafka's libraries cannot be had: {error}"
    return None


@functools.cache
def classpath():
    """All of Kafka's jars; asked of Maven once, then kept in .cache/."""
    pom = INTEROP / "pom.xml"
    kept = CACHE / "kafka-classpath.txt"
    if not kept.exists() or kept.stat().st_mtime < pom.stat().st_mtime:
        CACHE.mkdir(exist_ok=True)
        fresh = kept.with_suffix(".new")
        subprocess.run(
            ["mvn", "-q", "-B", "-f", str(pom), "dependency:build-classpath"]
            + [f"-Dmdep.outputFile={fresh}"],
            check=True,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=600,
        )
        fresh.rename(kept)
    jars = kept.read_text().strip()
    if not all(Path(jar).exists() for jar in jars.split(":")):
        kept.unlink()  # the local repository was emptied; ask again
        classpath.cache_clear()
        return classpath()
    return jars


def logging(file="log4j2.yaml"):
    return (f"-Dlog4j2.configurationFile={INTEROP / file}",)


def command(main, *args):
    """The command line for a tool by its script's name, or for a class."""
    main = TOOLS.get(main, main)
    return [java(), *QUICK, *logging(), "-cp", classpath(), main, *map(str, args)]


def run(main, *args, input=None, check=True, timeout=60):
    """Runs a tool; its output as text, with both streams in the complaint if it
    ended with an error."""
    done = subprocess.run(
        command(main, *args),
        input=input,
        stdin=subprocess.DEVNULL if input is None else None,
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    if check and done.returncode != 0:
        raise AssertionError(
            f"{main} {' '.join(map(str, args))} ended with {done.returncode}\n"
            f"{done.stdout}\n{done.stderr}"
        )
    return done
