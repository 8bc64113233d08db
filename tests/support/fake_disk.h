/* tests/support/fake_disk.h
 *
 * A disk in memory that fails when told, counts, runs full, and forgets on a
 * power cut whatever was not synced: file contents by sync(), names by
 * sync_dir().
 *
 *   live names ──► file: content          what calls see
 *   durable names ──► same file: synced   what a power cut leaves
 *
 * Single-threaded. Its own lack of memory aborts the test. */
#ifndef GREGOR_TESTS_SUPPORT_FAKE_DISK_H
#define GREGOR_TESTS_SUPPORT_FAKE_DISK_H

#include "protocol/base/clock.h"
#include "storage/disk.h"

struct fake_file;
struct fake_name;

struct fake_names {
    struct fake_name *items;
    int count;
};

#define FAKE_DISK_DESCRIPTORS 256

struct fake_disk {
    struct disk disk; /* first: what the code under test is given */
    struct fake_file *files;
    struct fake_names live;
    struct fake_names durable;
    struct fake_file *descriptors[FAKE_DISK_DESCRIPTORS];
    int open_descriptors;
    int fail_code;    /* what failing calls say; 0: ERR_IO */
    unsigned fail_at; /* 0: never; the call whose number this is fails */
    unsigned calls;   /* that could have failed, since fail_nth() */
    bool fired;
    int64_t space_left;        /* -1: without limit */
    const struct clock *clock; /* for the files' times; NULL: all are of 1970 */
    unsigned reads, writes, syncs, opens;
};

void fake_disk_init(struct fake_disk *d);
void fake_disk_free(struct fake_disk *d);

/* The nth call from now on fails, with ERR_IO or what fail_code says, and none after
 * it. A write that fails has written half. 0: no more failures. */
void fake_disk_fail_nth(struct fake_disk *d, unsigned nth);
bool fake_disk_fired(const struct fake_disk *d);

/* Files may grow by so many bytes more; the write that does not fit writes what
 * does, and gives ERR_NO_SPACE. -1: no limit. */
void fake_disk_limit_space(struct fake_disk *d, int64_t bytes);

/* The power fails: open descriptors are gone, so is what was not synced. */
void fake_disk_crash(struct fake_disk *d);

/* The same, where the disk has written the changes of folders in the worst order: names
 * that went are gone, those that came are not there. */
void fake_disk_crash_reordered(struct fake_disk *d);

/* Looking and meddling, past failures and counts. */
bool fake_disk_has(const struct fake_disk *d, const char *path);
int64_t fake_disk_size(const struct fake_disk *d, const char *path); /* -1: none */
uint8_t *fake_disk_content(struct fake_disk *d, const char *path, size_t *len);
/* Makes or replaces a file; durable at once. */
void fake_disk_put(struct fake_disk *d, const char *path, const void *data, size_t len);
void fake_disk_drop(struct fake_disk *d, const char *path);
void fake_disk_set_modified(struct fake_disk *d, const char *path, int64_t ms);

#endif
