#include "tests/bench/client_peer.h"

#include "tests/bench/client.h"

#include <arpa/inet.h>
#include <endian.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GIVE_UP_MS 60000

/* ---- bytes ------------------------------------------------------------------ */

void put(struct frame *f, const void *data, size_t size)
{
    if (f->size + size > sizeof(f->bytes))
        die("a request is too large");
    memcpy(f->bytes + f->size, data, size);
    f->size += size;
}

void put8(struct frame *f, int value)
{
    put(f, &(uint8_t){(uint8_t)value}, 1);
}

void put16(struct frame *f, int value)
{
    put(f, &(uint16_t){htons((uint16_t)value)}, 2);
}

void put32(struct frame *f, int32_t value)
{
    put(f, &(uint32_t){htonl((uint32_t)value)}, 4);
}

void put64(struct frame *f, int64_t value)
{
    put(f, &(uint64_t){htobe64((uint64_t)value)}, 8);
}

void put_string(struct frame *f, const char *s)
{
    put16(f, (int)strlen(s));
    put(f, s, strlen(s));
}

void put_compact(struct frame *f, const char *s)
{
    put8(f, (int)strlen(s) + 1); /* NAME_SIZE is one byte's */
    put(f, s, strlen(s));
}

void put_uvarint(struct frame *f, uint32_t value)
{
    for (; value >= 0x80; value >>= 7)
        put8(f, (int)(value & 0x7f) | 0x80);
    put8(f, (int)value);
}

static bool is_flexible(int api)
{
    return api == OFFSET_COMMIT || api == CONSUMER_GROUP_HEARTBEAT;
}

/* frame_ready() fills in the size. */
void put_header(struct frame *f, int api, int version)
{
    f->size = 0;
    put32(f, 0);
    put16(f, api);
    put16(f, version);
    put32(f, 1);
    put_string(f, "bench");
    if (is_flexible(api))
        put8(f, 0); /* a flexible header's tags */
}

static void frame_ready(struct frame *f)
{
    uint32_t size = htonl((uint32_t)f->size - 4);
    memcpy(f->bytes, &size, sizeof(size));
}

const uint8_t *get(struct frame *f, size_t size)
{
    const uint8_t *taken = f->at;
    if (size > (size_t)(f->bytes + f->size - f->at))
        die("an answer is too short");
    f->at += size;
    return taken;
}

int get8(struct frame *f)
{
    return *get(f, 1);
}

int get16(struct frame *f)
{
    uint16_t value;
    memcpy(&value, get(f, sizeof(value)), sizeof(value));
    return (int16_t)ntohs(value);
}

int32_t get32(struct frame *f)
{
    uint32_t value;
    memcpy(&value, get(f, sizeof(value)), sizeof(value));
    return (int32_t)ntohl(value);
}

void get_string(struct frame *f, char out[NAME_SIZE])
{
    int size = get16(f);
    if (size < 0 || size >= NAME_SIZE)
        die("a name of %d bytes", size);
    memcpy(out, get(f, (size_t)size), (size_t)size);
    out[size] = '\0';
}

uint32_t get_uvarint(struct frame *f)
{
    uint32_t value = 0;
    for (int shift = 0; shift < 32; shift += 7) {
        int byte = get8(f);
        value |= (uint32_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return value;
    }
    die("no length");
}

/* ---- peers ------------------------------------------------------------------ */

void peer_send(struct peer *p, int api)
{
    struct frame *f = &p->run->out;
    frame_ready(f);
    p->api = api;
    p->in.size = 0;
    if (write(p->fd, f->bytes, f->size) != (ssize_t)f->size)
        die("the broker does not listen");
}

void run_begin(struct run *r, long port, int count)
{
    r->count = count;
    r->peers = calloc((size_t)count, sizeof(*r->peers));
    if (r->peers == NULL)
        die("no memory");
    for (int i = 0; i < count; i++) {
        r->peers[i].run = r;
        r->peers[i].fd = connect_to(port);
        if (r->peers[i].fd < 0)
            die("no connection");
    }
}

void run_end(struct run *r)
{
    for (int i = 0; i < r->count; i++)
        close(r->peers[i].fd);
    free(r->peers);
}

/* Takes what has come. True: the answer is whole, and f->at is behind its header. */
static bool receive_some(struct peer *p)
{
    struct frame *f = &p->in;
    uint32_t size;
    ssize_t got = read(p->fd, f->bytes + f->size, sizeof(f->bytes) - f->size);
    if (got <= 0)
        die("the broker hung up, or its answer is too large");
    f->size += (size_t)got;
    if (f->size < sizeof(size))
        return false;
    memcpy(&size, f->bytes, sizeof(size));
    if (f->size < sizeof(size) + ntohl(size))
        return false;
    f->at = f->bytes + sizeof(size) + 4; /* the correlation id */
    if (is_flexible(p->api))
        get8(f);
    return true;
}

void run_loop(struct run *r, bool (*over)(const struct run *r))
{
    struct pollfd *polled = calloc((size_t)r->count, sizeof(*polled));
    if (polled == NULL)
        die("no memory");
    while (!over(r)) {
        for (int i = 0; i < r->count; i++) {
            const struct peer *p = &r->peers[i];
            polled[i] = (struct pollfd){p->api != 0 ? p->fd : -1, POLLIN, 0};
        }
        if (poll(polled, (nfds_t)r->count, GIVE_UP_MS) <= 0)
            die("no answers any more");
        for (int i = 0; i < r->count; i++) {
            if (polled[i].revents != 0 && receive_some(&r->peers[i])) {
                int api = r->peers[i].api;
                r->peers[i].api = 0;
                r->answered(&r->peers[i], api);
            }
        }
    }
    free(polled);
}
