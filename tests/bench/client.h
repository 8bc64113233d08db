/* tests/bench/client.h
 *
 * The native client of the benchmark: bench_client COMMAND ARGUMENT...
 *
 *   produce BOOTSTRAP TOPIC SIZE COUNT ACKS   records in, as fast as they go
 *   consume BOOTSTRAP TOPIC COUNT             records out, from offset 0
 *   latency BOOTSTRAP TOPIC COUNT             one record at a time, out and back
 *   start PORT COMMAND...                     a broker, to its first answer
 *   connections PORT COUNT                    that many, open until stdin ends
 *   settle PORT PROTOCOL GROUP TOPIC MEMBERS PARTITIONS
 *                                             until they share them evenly
 *   commits PORT TOPIC CONNECTIONS GROUPS COUNT
 *                                             so many, in the groups by turns
 *   groups PORT PROTOCOL TOPIC CONNECTIONS COUNT
 *                                             each of a member who commits once
 *
 * PROTOCOL is classic or consumer.
 *
 * Each prints one line of JSON. A failure prints a sentence and exits 1. */
#ifndef GREGOR_TESTS_BENCH_CLIENT_H
#define GREGOR_TESTS_BENCH_CLIENT_H

#include <stdint.h>

/* Microseconds of a clock that only goes forward. */
int64_t now_us(void);

/* Prints "bench_client: ..." and exits 1. */
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A whole number from an argument; dies of anything else. */
long number(const char *text);

int run_produce(char **arguments);
int run_consume(char **arguments);
int run_latency(char **arguments);
int run_start(char **arguments);
int run_connections(char **arguments);
int run_settle(char **arguments);
int run_commits(char **arguments);
int run_groups(char **arguments);

/* A connection to 127.0.0.1, or -1. */
int connect_to(long port);

#endif
