/* Files as a crash, a bad disk or a stranger leaves them, printed by dump-log.
 *
 *   byte 0      which kind of file, and how keys and values are decoded
 *   byte 1      options; bit 7: make the CRC of a .snapshot hold
 *   bytes 2-3   how much of the rest is the file; what is behind is the .log that an
 *               index leads into
 *
 * What is checked: nothing crashes, and every file is closed again. */
#include <stdlib.h>

#include "protocol/base/crc32c.h"
#include "tests/support/fake_disk.h"
#include "tools/dump/dump.h"

#define LOG "t-0/00000000000000000010.log"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = {
    LOG,
    "t-0/00000000000000000010.index",
    "t-0/00000000000000000010.timeindex",
    "t-0/00000000000000000010.txnindex",
    "t-0/00000000000000000010.snapshot",
    "t-0/00000000000000000010-0000000001.checkpoint",
    "t-0/leader-epoch-checkpoint",
    "t-0/partition.metadata",
    "t-0/replication-offset-checkpoint",
};

#define NAMES (sizeof(names) / sizeof(names[0]))
#define DECODERS (DECODE_SHARE_STATE + 1)

static void lay_out(struct fake_disk *disk, const char *name, const uint8_t *data,
                    size_t size)
{
    size_t len = load_be16(data + 2);
    const uint8_t *rest = data + 4;
    size_t left = size - 4;
    if (len > left || strcmp(name, LOG) == 0)
        len = left;
    fake_disk_put(disk, LOG, rest + len, left - len);
    fake_disk_put(disk, name, rest, len);
    uint8_t *content = fake_disk_content(disk, name, &len);
    if (data[1] & 0x80 && len > 6)
        store_be32(content + 2, crc32c(content + 6, len - 6));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 4)
        return 0;
    const char *name = names[data[0] % NAMES];
    struct dump_options options = DUMP_OPTIONS_INIT;
    options.decoder = (enum record_decoder)(data[0] / NAMES % DECODERS);
    options.deep_iteration = data[1] & 1;
    options.print_data_log = data[1] & 2;
    options.skip_record_metadata = data[1] & 4;
    options.verify_index_only = data[1] & 8;
    options.index_sanity_check = data[1] & 16;
    if (data[1] & 32)
        options.max_bytes = 200;

    struct fake_disk disk;
    struct dump d;
    fake_disk_init(&disk);
    disk.disk.ops->mkdir(&disk.disk, "t-0", NULL);
    lay_out(&disk, name, data, size);
    FILE *nowhere = fopen("/dev/null", "w");
    dump_init(&d, &disk.disk, nowhere, nowhere, &options);
    dump_file(&d, name);
    dump_free(&d);
    fclose(nowhere);
    if (disk.open_descriptors != 0)
        abort();
    fake_disk_free(&disk);
    return 0;
}
