/* gregor graduate
 *
 * Held under the directory's lock from the check to the end, so that no broker starts
 * on it meanwhile. */
#include <stdlib.h>
#include <string.h>

#include "config/broker_config.h"
#include "config/properties.h"
#include "tools/command.h"
#include "tools/graduate/directory_check.h"
#include "tools/graduate/kafka_properties.h"
#include "tools/options.h"

#define NAME "graduate"
#define START_SCRIPT "kafka-server-start.sh"
#define USUAL_FILE "kafka.properties"

static const char HELP[] =
    "Usage: gregor graduate [options]\n"
    "\n"
    "Checks that Apache Kafka 4.3 can go on with a data directory that Gregor has "
    "been\n"
    "stopped on, and prints the server.properties and the command to start it: in\n"
    "combined mode, where clients found Gregor, with the settings that Gregor had "
    "from\n"
    "--config and --set. Every segment, index and checkpoint is read. Nothing in the\n"
    "directory is changed; while this runs, no broker can start on it.\n"
    "\n"
    "  --data DIR       the data directory (./gregor-data)\n"
    "  --config FILE    the settings that Gregor was started with\n"
    "  --set key=value  a setting, stronger than the file; repeatable\n"
    "  --write FILE     write the server.properties there, and print the command "
    "alone\n"
    "  --help           print this, and exit\n"
    "\n"
    "Exit status: 0, 1 if Kafka could not go on, or a broker uses the directory, 2 for "
    "a\n"
    "bad option or setting.\n";

struct arguments {
    const char *data;
    const char *config_file;
    const char *write;
    const char **set; /* owned, of argc */
    size_t set_count;
    bool help;
};

struct graduation {
    struct arguments arguments;
    struct disk disk;
    struct arena arena;
    struct properties file;            /* --config */
    struct setting_override *settings; /* its settings, then those of --set */
    size_t count;
    struct broker_config *config;
    struct log_dir dir;
    struct metadata_view metadata;
    struct buf out; /* the file for Kafka */
};

static int read_arguments(struct arguments *a, int argc, char **argv, struct err *err)
{
    a->set = calloc((size_t)argc, sizeof(*a->set));
    if (a->set == NULL)
        return err_nomem(err);
    const struct option options[] = {
        {"--config", OPTION_TEXT, .text = &a->config_file},
        {"--data", OPTION_TEXT, .text = &a->data},
        {"--help", OPTION_FLAG, .flag = &a->help},
        {"--set", OPTION_LIST, .list = a->set, .count = &a->set_count},
        {"--write", OPTION_TEXT, .text = &a->write},
        {NULL},
    };
    return options_read(options, argc, argv, NULL, NULL, err);
}

/* ---- the user's settings ------------------------------------------------- */

static int read_file(struct graduation *g, struct buf *text, struct err *err)
{
    const char *name = g->arguments.config_file;
    if (name == NULL)
        return 0;
    int rc = disk_read_file(&g->disk, name, (size_t)PROPERTIES_MAX_BYTES, text, err);
    if (rc != 0)
        return err_context(err, "--config");
    struct str in = {(const char *)text->data, (int32_t)text->len};
    rc = properties_parse(in, &g->file, err);
    return rc == 0 ? 0 : err_context(err, "%s", name);
}

static int gather(struct graduation *g, struct err *err)
{
    g->settings = arena_array(&g->arena, g->file.count + g->arguments.set_count + 1,
                              sizeof(*g->settings));
    if (g->settings == NULL)
        return err_nomem(err);
    for (size_t i = 0; i < g->file.count; i++)
        g->settings[g->count++] =
            (struct setting_override){g->file.items[i].key, g->file.items[i].value};
    for (size_t i = 0; i < g->arguments.set_count; i++) {
        const char *text = g->arguments.set[i];
        const char *equals = strchr(text, '=');
        if (equals == NULL || equals == text)
            return err_set(err, ERR_INVALID, "--set wants key=value, not '%s'", text);
        g->settings[g->count++] = (struct setting_override){
            {text, (int32_t)(equals - text)}, str_of(equals + 1)};
    }
    return 0;
}

/* Judged as the broker does at a start; --data goes over all. */
static int judge(struct graduation *g, const struct buf *text, struct err *err)
{
    size_t count = g->arguments.set_count;
    struct setting_override *set = arena_array(&g->arena, count + 1, sizeof(*set));
    if (set == NULL)
        return err_nomem(err);
    memcpy(set, g->settings + g->file.count, count * sizeof(*set));
    if (g->arguments.data != NULL)
        set[count++] = (struct setting_override){STR_LITERAL("log.dirs"),
                                                 str_of(g->arguments.data)};
    struct broker_config_input input = {
        .file_name = g->arguments.config_file,
        .file = {(const char *)text->data, (int32_t)text->len},
        .command_line = set,
        .command_line_count = count,
    };
    int rc = broker_config_create(&input, &g->config, err);
    if (rc == 0 && g->config->log_dirs.count > 1)
        rc = err_set(err, ERR_INVALID, "log.dirs names %zu directories; one is served",
                     g->config->log_dirs.count);
    return rc;
}

static int read_settings(struct graduation *g, struct err *err)
{
    struct buf text = BUF_INIT;
    int rc = read_file(g, &text, err);
    if (rc == 0)
        rc = gather(g, err);
    if (rc == 0)
        rc = judge(g, &text, err);
    buf_free(&text);
    return rc;
}

/* ---- the directory ------------------------------------------------------- */

static int take_directory(struct graduation *g, struct err *err)
{
    int rc = log_dir_look(&g->disk, g->config->log_dirs.items[0], &g->dir, err);
    if (rc == 0)
        rc = log_dir_lock(&g->dir, err);
    if (rc == 0 && !g->dir.clean)
        rc = err_set(err, ERR_CORRUPT,
                     "%s was not stopped cleanly: start Gregor on it and stop it, and "
                     "all will be recovered",
                     g->dir.path);
    if (rc == 0 && g->config->node_id >= 0 && g->config->node_id != g->dir.node_id)
        rc = err_set(err, ERR_MISMATCH, "%s belongs to node %d, not to node %d",
                     g->dir.path, g->dir.node_id, g->config->node_id);
    if (rc == 0)
        rc = metadata_view_read(&g->disk, g->dir.path, &g->metadata, err);
    return rc;
}

static int check_directory(struct graduation *g, struct err *err)
{
    struct directory_faults faults = {.out = stderr};
    int rc = directory_check(&g->dir, &g->metadata, &faults, err);
    if (rc != 0 || faults.count == 0)
        return rc;
    return err_set(err, ERR_CORRUPT,
                   "Kafka could not go on with %s: %d fault%s, named above",
                   g->dir.path, faults.count, faults.count == 1 ? "" : "s");
}

/* ---- the file for Kafka -------------------------------------------------- */

static int compose(struct graduation *g, const char *data, struct err *err)
{
    struct kafka_properties k = {
        .data = data,
        .node_id = g->dir.node_id,
        .kraft_version = g->metadata.kraft_version,
        .settings = g->settings,
        .count = g->count,
    };
    const struct metadata_broker *known =
        metadata_image_broker(g->metadata.image, g->dir.node_id);
    if (known != NULL && known->endpoint_count > 0) {
        k.host = known->endpoints[0].host;
        k.port = known->endpoints[0].port;
    }
    buf_printf(&g->out, "# Apache Kafka 4.3 on %s, cluster %s.\n", data,
               g->dir.cluster_id);
    if (g->arguments.write == NULL)
        buf_printf(&g->out, "# Start it with: " START_SCRIPT " " USUAL_FILE "\n");
    return kafka_properties_append(&k, &g->out, err);
}

/* One that is there is not ours to replace. */
static int write_file(struct graduation *g, struct err *err)
{
    int fd;
    const char *path = g->arguments.write;
    const struct disk_ops *ops = g->disk.ops;
    int rc =
        ops->open(&g->disk, path, DISK_WRITE | DISK_CREATE | DISK_EXCLUSIVE, &fd, err);
    if (rc == ERR_EXISTS)
        return err_set(err, rc, "%s is there already, and left as it is", path);
    if (rc != 0)
        return rc;
    struct iovec part = {.iov_base = g->out.data, .iov_len = g->out.len};
    rc = ops->write(&g->disk, fd, &part, 1, 0, err);
    ops->close(&g->disk, fd);
    if (rc != 0)
        ops->remove(&g->disk, path, NULL);
    return rc == 0 ? 0 : err_context(err, "%s", path);
}

static int deliver(struct graduation *g, struct err *err)
{
    char *data = realpath(g->dir.path, NULL);
    int rc = data == NULL ? err_nomem(err) : compose(g, data, err);
    free(data);
    if (rc == 0 && g->arguments.write != NULL)
        rc = write_file(g, err);
    if (rc != 0)
        return rc;
    if (g->arguments.write != NULL)
        printf(START_SCRIPT " %s\n", g->arguments.write);
    else
        fwrite(g->out.data, 1, g->out.len, stdout);
    return 0;
}

static void end(struct graduation *g)
{
    free(g->arguments.set);
    properties_free(&g->file);
    broker_config_destroy(g->config);
    log_dir_close(&g->dir);
    metadata_view_free(&g->metadata);
    buf_free(&g->out);
    arena_reset(&g->arena);
}

static int graduate(struct graduation *g)
{
    struct err err;
    if (read_settings(g, &err) != 0)
        return command_complain(NAME, &err, EXIT_USAGE);
    int rc = take_directory(g, &err);
    if (rc == 0)
        rc = check_directory(g, &err);
    if (rc == 0)
        rc = deliver(g, &err);
    return rc == 0 ? command_end(NAME, 0) : command_complain(NAME, &err, EXIT_FAILED);
}

int graduate_command(int argc, char **argv)
{
    struct graduation g = {.disk = {.ops = &disk_system_ops}, .dir = {.lock_fd = -1}};
    struct err err;
    int status = 0;
    if (read_arguments(&g.arguments, argc, argv, &err) != 0)
        status = command_complain(NAME, &err, EXIT_USAGE);
    else if (g.arguments.help)
        fputs(HELP, stdout);
    else
        status = graduate(&g);
    end(&g);
    return status;
}
