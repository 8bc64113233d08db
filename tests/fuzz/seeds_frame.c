/* Writes golden requests as a corpus for fuzz_frame: seeds_frame DIR. Each seed is
 * one byte for the cutting and a few frames, each with its request header. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "protocol/messages.h"
#include "tests/support/vectors.h"

#define FRAMES_A_SEED 4

static void add_frame(struct buf *out, const struct message_type *type,
                      const struct vector *v)
{
    size_t start = out->len;
    struct wire_writer header = WIRE_WRITER_INIT;
    struct request_header h = REQUEST_HEADER_INIT;
    h.request_api_key = v->api_key;
    h.request_api_version = v->version;
    h.correlation_id = (int32_t)start;
    h.client_id = STR_LITERAL("seed");
    request_header_type.encode(
        &header, message_request_header_version(type, v->version), &h, NULL);
    wire_write_int32(out, (int32_t)header.out.len + v->bytes.len);
    buf_append(out, header.out.data, header.out.len);
    buf_append(out, v->bytes.data, (size_t)v->bytes.len);
    wire_writer_free(&header);
}

static void write_seed(const char *dir, unsigned number, struct buf *seed)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%05u", dir, number);
    FILE *out = fopen(path, "wb");
    if (out == NULL || fwrite(seed->data, 1, seed->len, out) != seed->len ||
        fclose(out) != 0) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    buf_free(seed);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s DIR\n", argv[0]);
        return EXIT_FAILURE;
    }
    if (mkdir(argv[1], 0777) != 0 && errno != EEXIST) {
        perror(argv[1]);
        return EXIT_FAILURE;
    }
    struct vector_file f;
    struct vector v;
    struct buf seed = BUF_INIT;
    int frames = 0;
    vector_file_open(&f);
    while (vector_file_next(&f, &v)) {
        const struct message_type *type = message_request_type(v.api_key);
        if (type == NULL || strcmp(type->name, v.name) != 0)
            continue;
        if (frames == 0)
            wire_write_int8(&seed, (int8_t)f.tsv.number);
        add_frame(&seed, type, &v);
        frames = (frames + 1) % FRAMES_A_SEED;
        if (frames == 0)
            write_seed(argv[1], f.tsv.number, &seed);
    }
    if (frames != 0)
        write_seed(argv[1], f.tsv.number, &seed);
    vector_file_close(&f);
    return EXIT_SUCCESS;
}
