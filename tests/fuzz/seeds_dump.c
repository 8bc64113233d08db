/* Seeds for fuzz_dump: files of the sample directory, each as its kind.
 *
 *   seeds_dump FOLDER
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "protocol/base/buf.h"
#include "storage/disk.h"

#define TXN "/txn-0/00000000000000000000"
#define SEGMENT "/segments-0/00000000000000000000"
#define EVERYTHING 3 /* deep iteration, with keys and values */

/* The first byte: the kind, as fuzz_dump counts them, and nine times the decoder. */
static const struct {
    int kind;
    const char *file;
    const char *log; /* of an index */
} seeds[] = {
    {0, TXN ".log", NULL},
    {0, "/codec-gzip-0/00000000000000000000.log", NULL},
    {0, "/codec-snappy-0/00000000000000000000.log", NULL},
    {0, "/codec-lz4-0/00000000000000000000.log", NULL},
    {0, "/codec-zstd-0/00000000000000000000.log", NULL},
    {9, "/__consumer_offsets-0/00000000000000000000.log", NULL},
    {18, "/__transaction_state-0/00000000000000000000.log", NULL},
    {27, "/__cluster_metadata-0/00000000000000000000.log", NULL},
    {1, SEGMENT ".index", SEGMENT ".log"},
    {2, SEGMENT ".timeindex", SEGMENT ".log"},
    {3, TXN ".txnindex", NULL},
    {4, "/txn-0/00000000000000000009.snapshot", NULL},
    {32, "/bootstrap.checkpoint", NULL},
    {6, "/txn-0/leader-epoch-checkpoint", NULL},
    {7, "/txn-0/partition.metadata", NULL},
    {8, "/replication-offset-checkpoint", NULL},
};

static void add_file(struct buf *out, const char *name)
{
    char path[512];
    struct disk disk = {.ops = &disk_system_ops};
    struct err why;
    snprintf(path, sizeof(path), "%s%s", SAMPLE_DATA, name);
    if (disk_read_file(&disk, path, 1 << 20, out, &why) != 0)
        errx(1, "%s", why.message);
}

static void write_seed(const char *folder, size_t number)
{
    char path[512];
    struct buf out = BUF_INIT;
    const uint8_t head[] = {(uint8_t)seeds[number].kind, EVERYTHING, 0, 0};
    buf_append(&out, head, sizeof(head));
    add_file(&out, seeds[number].file);
    store_be16(out.data + 2, (uint16_t)(out.len - sizeof(head)));
    if (seeds[number].log != NULL)
        add_file(&out, seeds[number].log);
    snprintf(path, sizeof(path), "%s/%zu", folder, number);
    FILE *file = fopen(path, "w");
    if (file == NULL || fwrite(out.data, 1, out.len, file) != out.len ||
        fclose(file) != 0)
        err(1, "%s", path);
    buf_free(&out);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        errx(2, "usage: seeds_dump FOLDER");
    mkdir(argv[1], 0755);
    for (size_t i = 0; i < sizeof(seeds) / sizeof(seeds[0]); i++)
        write_seed(argv[1], i);
    return 0;
}
