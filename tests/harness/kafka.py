"""Apache Kafka's command-line tools, run as a user of its scripts would.

tests/interop/pom.xml names the version, tests/interop/pom-old.xml is for older ones;
Maven Central provides them. Each call is a JVM of its own, started with what makes
short runs fast.
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
    "kafka-groups": "org.apache.kafka.tools.GroupsCommand",
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


class Release:
    """A release of Apache Kafka: its jars, and what runs on them."""

    def __init__(self, version, pom="pom.xml", properties=(), logs="log4j2{}.yaml"):
        self.version = version
        self.pom = INTEROP / pom
        self.properties = properties  # of the pom, for Maven
        self.logs = logs  # the configuration; "-broker" in the braces for the broker

    def __repr__(self):
        return self.version

    def available(self):
        """Why it cannot be run here; None if it can."""
        if not shutil.which("java"):
            return "java is not installed"
        try:
            self.classpath()
        except (OSError, subprocess.SubprocessError) as error:
            return f"Kafka's libraries cannot be had: {error}"
        return None

    @functools.cache
    def classpath(self):
        """All of its jars; asked of Maven once, then kept in .cache/."""
        kept = CACHE / f"kafka-classpath-{self.version}.txt"
        if not kept.exists() or kept.stat().st_mtime < self.pom.stat().st_mtime:
            CACHE.mkdir(exist_ok=True)
            fresh = kept.with_suffix(".new")
            subprocess.run(
                ["mvn", "-q", "-B", "-f", str(self.pom), "dependency:build-classpath"]
                + [f"-D{name}" for name in self.properties]
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
            self.classpath.cache_clear()
            return self.classpath()
        return jars

    def logging(self, what=""):
        file = INTEROP / self.logs.format(what)
        # The first is read by log4j 2, the other by the old one.
        return (
            f"-Dlog4j2.configurationFile={file}",
            f"-Dlog4j.configuration={file.as_uri()}",
        )

    def command(self, main, *args):
        """The command line for a tool by its script's name, or for a class."""
        main = TOOLS.get(main, main)
        jvm = [java(), *QUICK, *self.logging(), "-cp", self.classpath()]
        return [*jvm, main, *map(str, args)]

    def run(self, main, *args, input=None, check=True, timeout=60):
        """Runs a tool; its output as text, with both streams in the complaint if it
        ended with an error."""
        done = subprocess.run(
            self.command(main, *args),
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


def old(version, scala):
    properties = (f"kafka.version={version}", f"scala.version={scala}")
    return Release(version, "pom-old.xml", properties, "log4j{}.properties")


CURRENT = Release("4.3.0")
LAST_TO_CONVERT = old("3.9.1", "2.13")  # message formats of before 0.11, that is

available = CURRENT.available
classpath = CURRENT.classpath
command = CURRENT.command
run = CURRENT.run
