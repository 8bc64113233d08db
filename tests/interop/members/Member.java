// A member of a group with Apache Kafka's own client; see member.py of the harness.

import java.io.IOException;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeSet;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.SubscriptionPattern;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;

class Member implements ConsumerRebalanceListener {
    private static final Duration POLL = Duration.ofMillis(50);

    private final KafkaConsumer<String, String> consumer;
    private final TreeSet<Integer> owned = new TreeSet<>();
    private final Map<TopicPartition, OffsetAndMetadata> read = new HashMap<>();
    private volatile boolean leaving;

    Member(Properties config) {
        StringDeserializer text = new StringDeserializer();
        consumer = new KafkaConsumer<>(config, text, text);
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> added) {
        added.forEach(p -> owned.add(p.partition()));
        StringBuilder all = new StringBuilder("assigned");
        owned.forEach(number -> all.append(' ').append(number));
        System.out.println(all);
    }

    // What was read is committed before another member may go on from there. The
    // consumer's position is not asked for: the client waits for the one of a partition
    // that is taken away before it has any, and never gets it.
    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> gone) {
        Map<TopicPartition, OffsetAndMetadata> done = new HashMap<>(read);
        done.keySet().retainAll(gone);
        gone.forEach(p -> owned.remove(p.partition()));
        read.keySet().removeAll(gone);
        consumer.commitSync(done);
    }

    @Override
    public void onPartitionsLost(Collection<TopicPartition> gone) {
        System.out.println("lost " + gone);
        System.exit(1);
    }

    private void awaitEndOfInput() {
        try {
            System.in.transferTo(java.io.OutputStream.nullOutputStream());
        } catch (IOException closed) {
            // The same as its end.
        }
        leaving = true;
    }

    private void run(String topic) {
        Thread input = new Thread(this::awaitEndOfInput);
        input.setDaemon(true);
        input.start();
        if (topic.startsWith("^")) {
            consumer.subscribe(new SubscriptionPattern(topic), this);
        } else {
            consumer.subscribe(List.of(topic), this);
        }
        while (!leaving) {
            for (ConsumerRecord<String, String> r : consumer.poll(POLL)) {
                System.out.println("record " + r.partition() + " " + r.offset() + " " + r.value());
                read.put(new TopicPartition(r.topic(), r.partition()),
                    new OffsetAndMetadata(r.offset() + 1));
            }
        }
        consumer.close(); // gives away what it has, and so commits
    }

    public static void main(String[] arguments) {
        String strategy = arguments.length > 3 ? arguments[3] : "Range";
        Properties config = new Properties();
        config.put("bootstrap.servers", arguments[0]);
        config.put("group.id", arguments[2]);
        config.put("enable.auto.commit", "false");
        config.put("auto.offset.reset", "earliest");
        if (strategy.equals("consumer")) { // the broker sets heartbeats and sessions
            config.put("group.protocol", "consumer");
        } else {
            config.put("partition.assignment.strategy",
                "org.apache.kafka.clients.consumer." + strategy + "Assignor");
            config.put("heartbeat.interval.ms", "200");
            config.put("session.timeout.ms", "6000");
        }
        if (arguments.length > 4) {
            config.put("group.instance.id", arguments[4]);
        }
        new Member(config).run(arguments[1]);
    }
}
