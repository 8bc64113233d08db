/* gregor dump-log */
#include <stdlib.h>
#include <string.h>

#include "tools/command.h"
#include "tools/dump/dump.h"
#include "tools/options.h"

#define NAME "dump-log"

static const char HELP[] =
    "Usage: gregor dump-log [options] FILE...\n"
    "\n"
    "Prints what files of a data directory say, as Kafka's kafka-dump-log does:\n"
    "logs (.log), indexes (.index, .timeindex, .txnindex), producers (.snapshot),\n"
    "snapshots of the metadata (.checkpoint); also checkpoints (*-checkpoint) and\n"
    "partition.metadata. Files on their way out or in (.deleted, .cleaned, .swap) are\n"
    "read as what they were. Nothing is changed; a broker may be running.\n"
    "\n"
    "  --deep-iteration           each record of a batch, not only the batch\n"
    "  --print-data-log           each record with key and value\n"
    "  --offsets-decoder          keys and values as those of __consumer_offsets\n"
    "  --transaction-log-decoder  as those of __transaction_state\n"
    "  --cluster-metadata-decoder as those of __cluster_metadata\n"
    "  --share-group-state-decoder  as those of __share_group_state\n"
    "  --skip-record-metadata     of a record, key and value alone\n"
    "  --max-bytes N              at most so many bytes of a log\n"
    "  --verify-index-only        check indexes, and print only what is wrong\n"
    "  --index-sanity-check       the check of indexes that Kafka makes at a start\n"
    "  --max-message-size N       the largest batch an index may lead to (5242880)\n"
    "  --files FILE,FILE...       more files\n"
    "  --help                     print this, and exit\n"
    "\n"
    "Any decoder sets --print-data-log, which sets --deep-iteration. Exit status: 0,\n"
    "1 if a file is damaged, cannot be read or is none of these, 2 for a bad option.\n";

struct arguments {
    struct dump_options dump;
    const char **files; /* owned, of argc */
    size_t count;
    const char *more; /* --files */
    bool offsets, transactions, metadata, share;
    bool help;
};

static int read_arguments(int argc, char **argv, struct arguments *a, struct err *err)
{
    const struct option options[] = {
        {"--cluster-metadata-decoder", OPTION_FLAG, .flag = &a->metadata},
        {"--deep-iteration", OPTION_FLAG, .flag = &a->dump.deep_iteration},
        {"--files", OPTION_TEXT, .text = &a->more},
        {"--help", OPTION_FLAG, .flag = &a->help},
        {"--index-sanity-check", OPTION_FLAG, .flag = &a->dump.index_sanity_check},
        {"--max-bytes", OPTION_NUMBER, .number = &a->dump.max_bytes},
        {"--max-message-size", OPTION_NUMBER, .number = &a->dump.max_message_size},
        {"--offsets-decoder", OPTION_FLAG, .flag = &a->offsets},
        {"--print-data-log", OPTION_FLAG, .flag = &a->dump.print_data_log},
        {"--share-group-state-decoder", OPTION_FLAG, .flag = &a->share},
        {"--skip-record-metadata", OPTION_FLAG, .flag = &a->dump.skip_record_metadata},
        {"--transaction-log-decoder", OPTION_FLAG, .flag = &a->transactions},
        {"--verify-index-only", OPTION_FLAG, .flag = &a->dump.verify_index_only},
        {NULL},
    };
    *a = (struct arguments){.dump = DUMP_OPTIONS_INIT};
    a->files = calloc((size_t)argc, sizeof(*a->files));
    if (a->files == NULL)
        return err_nomem(err);
    int rc = options_read(options, argc, argv, a->files, &a->count, err);
    if (rc == 0 && !a->help && a->count == 0 && a->more == NULL)
        rc = err_set(err, ERR_INVALID, "which files? --help says more");
    return rc;
}

/* Of several decoders the first counts, as in Kafka's tool. */
static void settle(struct arguments *a)
{
    struct dump_options *o = &a->dump;
    o->decoder = a->offsets        ? DECODE_OFFSETS
                 : a->transactions ? DECODE_TRANSACTIONS
                 : a->metadata     ? DECODE_CLUSTER_METADATA
                 : a->share        ? DECODE_SHARE_STATE
                                   : DECODE_TEXT;
    if (o->decoder != DECODE_TEXT)
        o->print_data_log = true;
    if (o->print_data_log)
        o->deep_iteration = true;
}

static int dump_listed(struct dump *d, const char *list, struct err *err)
{
    char *names = strdup(list);
    char *rest = names;
    char *name;
    if (names == NULL)
        return err_nomem(err);
    while ((name = strsep(&rest, ",")) != NULL)
        dump_file(d, name);
    free(names);
    return 0;
}

static int dump_files(const struct arguments *a)
{
    struct disk disk = {.ops = &disk_system_ops};
    struct dump d;
    struct err err;
    int status = 0;
    dump_init(&d, &disk, stdout, stderr, &a->dump);
    if (a->more != NULL && dump_listed(&d, a->more, &err) != 0)
        status = command_complain(NAME, &err, EXIT_FAILED);
    for (size_t i = 0; i < a->count; i++)
        dump_file(&d, a->files[i]);
    if (d.faulty)
        status = EXIT_FAILED;
    dump_free(&d);
    return command_end(NAME, status);
}

int dump_log_command(int argc, char **argv)
{
    struct arguments a;
    struct err err;
    int status = 0;
    if (read_arguments(argc, argv, &a, &err) != 0) {
        status = command_complain(NAME, &err, EXIT_USAGE);
    } else if (a.help) {
        fputs(HELP, stdout);
    } else {
        settle(&a);
        status = dump_files(&a);
    }
    free(a.files);
    return status;
}
