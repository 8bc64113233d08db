"""The data directory that Apache Kafka 4.3.0 wrote."""

from pathlib import Path

SAMPLE = Path(__file__).resolve().parents[1] / "data" / "apache-kafka-4.3.0" / "data"
