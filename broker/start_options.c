#include "broker/start_options.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "broker/address.h"
#include "broker/topic_spec.h"

#define CONFIG_FILE_LIMIT ((size_t)1 << 20)

/* ---- diagnostics --------------------------------------------------------- */

/* GREGOR_LOG_* and TRACE_* have the same numbers. */
static void write_to_caller(const struct trace *trace, enum trace_level level,
                            const char *line)
{
    const struct caller_log *log = trace->context;
    log->write(log->context, (enum gregor_log_level)level, line);
}

struct trace start_options_trace(const struct gregor_options *options,
                                 struct caller_log *log)
{
    struct trace trace = trace_stderr;
    trace.level = (enum trace_level)options->log_level;
    *log = (struct caller_log){options->log, options->log_context};
    if (log->write != NULL) {
        trace.write = write_to_caller;
        trace.context = log;
    }
    return trace;
}

/* ---- settings ------------------------------------------------------------ */

static int read_profile(const char *name, enum profile *out, struct err *err)
{
    if (name == NULL || strcmp(name, "dev") == 0)
        *out = PROFILE_DEV;
    else if (strcmp(name, "kafka") == 0)
        *out = PROFILE_KAFKA;
    else
        return err_set(err, ERR_INVALID, "--profile is dev or kafka, not '%s'", name);
    return 0;
}

/* Options that stand for a setting. */
#define OWN_OVERRIDES 3

struct overrides {
    struct setting_override *items;
    size_t count;
};

static void override(struct overrides *o, const char *name, struct str value)
{
    o->items[o->count++] = (struct setting_override){str_of(name), value};
}

/* "PLAINTEXT://HOST:PORT". A wildcard is written as no host at all: clients are
 * then told this machine's name, where Kafka would refuse 0.0.0.0. */
static int override_address(struct overrides *o, const char *name, const char *option,
                            const char *text, struct arena *arena, struct err *err)
{
    struct address address;
    char plain[300];
    if (text == NULL)
        return 0;
    int rc = address_parse(text, option, &address, err);
    if (rc != 0)
        return rc;
    if (strcmp(address.host, "0.0.0.0") == 0 || strcmp(address.host, "::") == 0)
        address.host[0] = '\0';
    address_text(address.host, address.port, plain, sizeof(plain));
    struct str value = arena_printf(arena, "PLAINTEXT://%s", plain);
    if (value.data == NULL)
        return err_nomem(err);
    override(o, name, value);
    return 0;
}

static int read_overrides(const struct gregor_options *o, struct arena *arena,
                          struct overrides *out, struct err *err)
{
    out->items =
        arena_array(arena, o->setting_count + OWN_OVERRIDES, sizeof(*out->items));
    out->count = 0;
    if (out->items == NULL)
        return err_nomem(err);
    for (size_t i = 0; i < o->setting_count; i++) {
        const char *equals = strchr(o->settings[i], '=');
        if (equals == NULL || equals == o->settings[i])
            return err_set(err, ERR_INVALID, "--set wants key=value, not '%s'",
                           o->settings[i]);
        struct str name = {o->settings[i], (int32_t)(equals - o->settings[i])};
        out->items[out->count++] = (struct setting_override){name, str_of(equals + 1)};
    }
    if (o->data_dir != NULL)
        override(out, "log.dirs", str_of(o->data_dir));
    int rc = override_address(out, "listeners", "--listen", o->listen, arena, err);
    if (rc == 0)
        rc = override_address(out, "advertised.listeners", "--advertise", o->advertise,
                              arena, err);
    return rc;
}

static int read_config_file(const char *path, struct buf *out, struct err *err)
{
    struct disk disk = {.ops = &disk_system_ops};
    if (disk_read_file(&disk, path, CONFIG_FILE_LIMIT, out, err) == 0)
        return 0;
    err_context(err, "--config");
    return ERR_INVALID;
}

static int read_settings(const struct gregor_options *o, struct start_options *out,
                         struct err *err)
{
    struct broker_config_input input = {.file_name = o->config_file};
    struct overrides overrides = {0};
    struct buf file = BUF_INIT;
    int rc = read_profile(o->profile, &input.profile, err);
    if (rc == 0)
        rc = read_overrides(o, &out->arena, &overrides, err);
    if (rc == 0 && o->config_file != NULL)
        rc = read_config_file(o->config_file, &file, err);
    if (rc == 0) {
        input.file = (struct str){(const char *)file.data, (int32_t)file.len};
        input.command_line = overrides.items;
        input.command_line_count = overrides.count;
        rc = broker_config_create(&input, &out->config, err);
    }
    if (rc == 0)
        rc = topic_config_check_defaults(out->config, err);
    buf_free(&file);
    return rc;
}

/* ---- the directory ------------------------------------------------------- */

static int choose_dir(const struct gregor_options *o, struct start_options *out,
                      struct err *err)
{
    if (o->ephemeral && o->data_dir != NULL)
        return err_set(err, ERR_INVALID, "--data and --ephemeral exclude each other");
    out->ephemeral = o->ephemeral;
    const struct name_list *dirs = &out->config->log_dirs;
    if (dirs->count > 1 && !o->ephemeral)
        return err_set(err, ERR_INVALID,
                       "log.dirs names %zu directories; one is served", dirs->count);
    const char *dir = dirs->items[0];
    if (dir[0] == '\0')
        return err_set(err, ERR_INVALID, "--data wants a directory");
    out->data_dir = strdup(dir);
    return out->data_dir == NULL ? err_nomem(err) : 0;
}

int start_options_read(const struct gregor_options *options, struct start_options *out,
                       struct err *err)
{
    *out = (struct start_options){.topics = CREATE_TOPICS_REQUEST_INIT};
    if (options->size != sizeof(*options))
        return err_set(err, ERR_INVALID,
                       "gregor_options.size is %zu, not %zu: "
                       "use GREGOR_OPTIONS_INIT of this version",
                       options->size, sizeof(*options));
    int rc = read_settings(options, out, err);
    if (rc == 0)
        rc = choose_dir(options, out, err);
    if (rc == 0)
        rc = topic_specs_parse(options->topics, options->topic_count, out->config,
                               &out->arena, &out->topics, err);
    return rc;
}

static void report_names(const struct trace *trace, enum trace_level level,
                         const char *what, const struct name_list *names)
{
    struct buf line = BUF_INIT;
    for (size_t i = 0; i < names->count; i++)
        buf_printf(&line, "%s%s", i == 0 ? "" : ", ", names->items[i]);
    if (names->count > 0 && !line.failed)
        trace_at(trace, level, "%s: %.*s", what, (int)line.len, (char *)line.data);
    buf_free(&line);
}

void start_options_report(const struct start_options *o, const struct trace *trace)
{
    report_names(trace, TRACE_WARN, "unknown settings, ignored", &o->config->unknown);
    report_names(trace, TRACE_WARN, "settings that have no effect here",
                 &o->config->ignored);
}

static int make_temporary(struct start_options *o, struct err *err)
{
    const char *parent = getenv("TMPDIR");
    struct buf path = BUF_INIT;
    buf_printf(&path, "%s/gregor-XXXXXX",
               parent == NULL || *parent == '\0' ? "/tmp" : parent);
    buf_append(&path, "", 1);
    if (path.failed || mkdtemp((char *)path.data) == NULL) {
        int rc = path.failed ? err_nomem(err)
                             : err_errno(err, errno, "cannot make a folder %s",
                                         (char *)path.data);
        buf_free(&path);
        return rc;
    }
    free(o->data_dir);
    o->data_dir = (char *)path.data;
    o->ephemeral_made = true;
    return 0;
}

static int make_absolute(struct start_options *o, struct err *err)
{
    char here[PATH_MAX];
    if (o->data_dir[0] == '/')
        return 0;
    if (getcwd(here, sizeof(here)) == NULL)
        return err_errno(err, errno, "the working directory");
    const char *name =
        strncmp(o->data_dir, "./", 2) == 0 ? o->data_dir + 2 : o->data_dir;
    struct buf path = BUF_INIT;
    buf_printf(&path, "%s/%s", here, name);
    buf_append(&path, "", 1);
    if (path.failed)
        return err_nomem(err);
    free(o->data_dir);
    o->data_dir = (char *)path.data;
    return 0;
}

int start_options_prepare_dir(struct start_options *o, struct err *err)
{
    int rc = o->ephemeral ? make_temporary(o, err) : 0;
    return rc == 0 ? make_absolute(o, err) : rc; /* TMPDIR may be relative */
}

void start_options_free(struct start_options *o, struct disk *disk)
{
    if (o->ephemeral_made)
        disk_remove_tree(disk, o->data_dir, NULL);
    broker_config_destroy(o->config);
    free(o->data_dir);
    arena_reset(&o->arena);
}
