// A member of a group with kafkajs; see member.py of the harness.
"use strict";

const { Kafka, logLevel } = require("kafkajs");

const [bootstrap, topic, groupId] = process.argv.slice(2);

function say(...words) {
  process.stdout.write(words.join(" ") + "\n");
}

async function main() {
  const kafka = new Kafka({ brokers: [bootstrap], logLevel: logLevel.NOTHING });
  const consumer = kafka.consumer({
    groupId,
    heartbeatInterval: 200,
    sessionTimeout: 6000,
    rebalanceTimeout: 6000,
    maxWaitTimeInMs: 100,
  });
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    const mine = payload.memberAssignment[topic] || [];
    say("assigned", ...mine.sort((a, b) => a - b));
  });
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    console.error(payload.error);
    process.exit(1);
  });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  process.stdin.resume().on("end", async () => {
    await consumer.disconnect();
    process.exit(0);
  });
  await consumer.run({
    eachMessage: async ({ partition, message }) =>
      say("record", partition, message.offset, message.value.toString()),
  });
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
