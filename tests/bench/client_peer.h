/* tests/bench/client_peer.h
 *
 * Connections with one request in flight each, and the bytes of requests and answers.
 * What a peer asks next follows from what it was answered.
 *
 * Any failure ends the program: die(). */
#ifndef GREGOR_TESTS_BENCH_CLIENT_PEER_H
#define GREGOR_TESTS_BENCH_CLIENT_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_MAX 65536
#define NAME_SIZE 128 /* of every name here, its end included */
#define OWNED_MAX 1024

/* The APIs whose versions are flexible here, headers included. */
#define OFFSET_COMMIT 8
#define CONSUMER_GROUP_HEARTBEAT 68

struct frame {
    uint8_t bytes[FRAME_MAX];
    size_t size;
    const uint8_t *at; /* of reading */
};

void put(struct frame *f, const void *data, size_t size);
void put8(struct frame *f, int value);
void put16(struct frame *f, int value);
void put32(struct frame *f, int32_t value);
void put64(struct frame *f, int64_t value);
void put_string(struct frame *f, const char *s);
/* As flexible versions have it; shorter than NAME_SIZE. */
void put_compact(struct frame *f, const char *s);
void put_uvarint(struct frame *f, uint32_t value);
/* The start of a request. */
void put_header(struct frame *f, int api, int version);

const uint8_t *get(struct frame *f, size_t size);
int get8(struct frame *f);
int get16(struct frame *f);
int32_t get32(struct frame *f);
uint32_t get_uvarint(struct frame *f);
void get_string(struct frame *f, char out[NAME_SIZE]);

struct run;

/* A connection, and the member of a group that it is for. */
struct peer {
    struct run *run;
    int fd;
    int api;         /* of the request in flight; 0: none */
    struct frame in; /* its answer, as far as it has come */

    char group[NAME_SIZE];
    char id[NAME_SIZE];
    int32_t generation_id; /* or member epoch */
    bool settled;          /* has what it was last told to have */
    uint8_t topic_id[16];
    int32_t owned[OWNED_MAX];
    int32_t owned_count;
    bool owned_changed; /* and the broker has not been told */
};

struct run {
    struct peer *peers;
    int count;
    struct frame out; /* a request as it is made */
    const char *topic;
    int partitions;
    bool classic;
    int groups;
    int wanted, started, done; /* commits, or groups */
    void (*answered)(struct peer *p, int api);
    void (*go_on)(struct peer *p); /* a member that was let in, or is still in */
};

/* Connects them all; ended with run_end(). */
void run_begin(struct run *r, long port, int count);
void run_end(struct run *r);

/* Sends what run->out holds. */
void peer_send(struct peer *p, int api);

/* Gives answers to `answered`, p->in.at behind the header, until `over` says so. */
void run_loop(struct run *r, bool (*over)(const struct run *r));

#endif
