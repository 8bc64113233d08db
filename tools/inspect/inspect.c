/* gregor inspect */
#include <stdlib.h>

#include "tools/command.h"
#include "tools/inspect/inspect_internal.h"
#include "tools/options.h"

#define NAME "inspect"

static const char HELP[] =
    "Usage: gregor inspect [--data DIR] [TOPIC[/PARTITION]]\n"
    "\n"
    "Shows what a data directory holds: all topics; one topic with its settings and\n"
    "partitions; or one partition with its offsets, leader epochs, segments,\n"
    "producers, and the files that are on their way out or in. Nothing is changed and\n"
    "nothing locked, so a broker may be running: offsets are then as it last\n"
    "checkpointed them. Checksums are not looked at: gregor dump-log does that.\n"
    "\n"
    "  --data DIR  the data directory (./gregor-data)\n"
    "  --help      print this, and exit\n"
    "\n"
    "Exit status: 0, 1 if something is not there, damaged or cannot be read, 2 for a\n"
    "bad option.\n";

void inspect_complain(struct inspection *in, const char *what, const struct err *err)
{
    fflush(in->out);
    fprintf(in->complaints, "gregor " NAME ": %s: %s\n", what, err->message);
    in->faulty = true;
}

int inspection_open(struct inspection *in, struct disk *disk, const char *data,
                    FILE *out, FILE *complaints, struct err *err)
{
    *in = (struct inspection){.disk = disk, .out = out, .complaints = complaints};
    int rc = log_dir_look(disk, data, &in->dir, err);
    if (rc == 0)
        rc = metadata_view_read(disk, data, &in->metadata, err);
    if (rc == 0)
        rc = folder_listing_read(disk, data, &in->folders, err);
    if (rc != 0)
        inspection_close(in);
    return rc;
}

void inspection_close(struct inspection *in)
{
    log_dir_close(&in->dir);
    metadata_view_free(&in->metadata);
    folder_listing_free(&in->folders);
}

/* TOPIC/PARTITION; *partition -1: all of them. */
static int read_operand(const char *text, struct str *topic, int32_t *partition,
                        struct err *err)
{
    const char *slash = strchr(text, '/');
    *topic = str_of(text);
    *partition = -1;
    if (slash == NULL)
        return 0;
    char *end;
    long number = strtol(slash + 1, &end, 10);
    if (slash[1] < '0' || slash[1] > '9' || *end != '\0' || number > INT32_MAX)
        return err_set(err, ERR_INVALID, "'%s' is no partition's number", slash + 1);
    topic->len = (int32_t)(slash - text);
    *partition = (int32_t)number;
    return 0;
}

/* What there is to be shown. */
struct wanted {
    bool one; /* a topic, not the whole directory */
    struct str topic;
    int32_t partition; /* -1: all of them */
};

static int show(struct inspection *in, const struct wanted *wanted, struct err *err)
{
    if (!wanted->one)
        return inspect_directory(in, err);
    return wanted->partition < 0
               ? inspect_topic(in, wanted->topic, err)
               : inspect_partition(in, wanted->topic, wanted->partition, err);
}

static int inspect(const char *data, const struct wanted *wanted)
{
    struct disk disk = {.ops = &disk_system_ops};
    struct inspection in;
    struct err err;
    int status = 0;
    int rc = inspection_open(&in, &disk, data, stdout, stderr, &err);
    if (rc == 0) {
        rc = show(&in, wanted, &err);
        status = in.faulty ? EXIT_FAILED : 0;
        inspection_close(&in);
    }
    if (rc != 0)
        status = command_complain(NAME, &err, EXIT_FAILED);
    return command_end(NAME, status);
}

int inspect_command(int argc, char **argv)
{
    const char *data = NULL;
    bool help = false;
    size_t count = 0;
    struct err err;
    const char **operands = calloc((size_t)argc, sizeof(*operands));
    const struct option options[] = {
        {"--data", OPTION_TEXT, .text = &data},
        {"--help", OPTION_FLAG, .flag = &help},
        {NULL},
    };
    int status = 0;
    int rc = operands == NULL
                 ? err_nomem(&err)
                 : options_read(options, argc, argv, operands, &count, &err);
    if (rc == 0 && count > 1)
        rc = err_set(&err, ERR_INVALID, "one topic at a time; --help says more");
    struct wanted wanted = {.one = count > 0};
    if (rc == 0 && wanted.one)
        rc = read_operand(operands[0], &wanted.topic, &wanted.partition, &err);
    if (rc != 0)
        status = command_complain(NAME, &err, EXIT_USAGE);
    else if (help)
        fputs(HELP, stdout);
    else
        status = inspect(data == NULL ? DEFAULT_DATA : data, &wanted);
    free(operands);
    return status;
}
