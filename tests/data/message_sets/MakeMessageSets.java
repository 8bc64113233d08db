/* Prints sets.tsv with the classes of Apache Kafka 3.9.1, the last that convert:
 *
 *   mvn dependency:copy-dependencies of org.apache.kafka:kafka-clients:3.9.1
 *   java -cp 'target/dependency/*' MakeMessageSets.java > sets.tsv
 *
 * A line is a name, a batch of magic 2, the offset that a reader asks for, and what
 * it gets in magic 0 and in magic 1; bytes in hex. */
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;

import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.CompressionType;
import org.apache.kafka.common.record.MemoryRecords;
import org.apache.kafka.common.record.MemoryRecordsBuilder;
import org.apache.kafka.common.record.RecordBatch;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.utils.Time;

public class MakeMessageSets {
    static final long TIME = 1_700_000_000_000L;
    static final Header[] NONE = {};
    static final Header[] ONE = {new RecordHeader("h", bytes("x"))};

    static byte[] bytes(String s) {
        return s == null ? null : s.getBytes(StandardCharsets.UTF_8);
    }

    /* Offsets 100, 101, 103 and 107, as compaction leaves them. */
    static MemoryRecords batch(CompressionType codec, TimestampType type) {
        MemoryRecordsBuilder b = MemoryRecords.builder(ByteBuffer.allocate(4096),
            RecordBatch.CURRENT_MAGIC_VALUE, Compression.of(codec).build(), type, 100, TIME + 60);
        b.appendWithOffset(100, TIME, null, bytes("alone"), NONE);
        b.appendWithOffset(101, TIME + 9, bytes("gone"), null, ONE);
        b.appendWithOffset(103, RecordBatch.NO_TIMESTAMP, bytes(""), bytes(""), NONE);
        b.appendWithOffset(107, TIME + 3, bytes("key"), bytes("value ".repeat(50)), ONE);
        return b.build();
    }

    static String hex(MemoryRecords records) {
        ByteBuffer all = records.buffer().duplicate();
        byte[] out = new byte[all.remaining()];
        all.get(out);
        return HexFormat.of().formatHex(out);
    }

    static void print(String name, MemoryRecords batch, long offset) {
        System.out.print(name + "\t" + hex(batch) + "\t" + offset);
        for (byte magic = 0; magic <= 1; magic++)
            System.out.print("\t" + hex((MemoryRecords) batch.downConvert(magic, offset, Time.SYSTEM).records()));
        System.out.println();
    }

    public static void main(String[] args) {
        for (CompressionType codec : CompressionType.values()) {
            if (codec == CompressionType.ZSTD)
                continue; // magic 0 and 1 do not know it
            MemoryRecords batch = batch(codec, TimestampType.CREATE_TIME);
            print(codec.name, batch, 100);
            print(codec.name + "-middle", batch, 102);
            print(codec.name + "-append-time", batch(codec, TimestampType.LOG_APPEND_TIME), 100);
        }
    }
}
