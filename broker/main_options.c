#include "broker/main_options.h"

#include <stdlib.h>
#include <string.h>

static const char HELP[] =
    "Usage: gregor [options]\n"
    "\n"
    "A Kafka broker that starts in milliseconds.\n"
    "\n"
    "  --data DIR             the data directory (./gregor-data)\n"
    "  --ephemeral            keep data in a private temporary folder, gone at exit\n"
    "  --listen HOST:PORT     the address to listen on (127.0.0.1:9092); port 0: any\n"
    "  --advertise HOST:PORT  the address that clients are told (as --listen)\n"
    "  --topic NAME[:PARTITIONS[:key=value,...]]\n"
    "                         make this topic before clients can connect; repeatable\n"
    "  --config FILE          settings from a server.properties\n"
    "  --set key=value        a setting, stronger than the file; repeatable\n"
    "  --profile dev|kafka    dev suits one machine; kafka keeps Kafka's defaults\n"
    "  --ready-file PATH      write bootstrap, data, pid and version there once ready\n"
    "  --exit-with-parent     end when the starting process ends\n"
    "  --log LEVEL            error, warn (default), info or debug, to stderr\n"
    "  --print-config         print the settings in force, and exit\n"
    "  --version              print the version, and exit\n"
    "  --help                 print this, and exit\n"
    "\n"
    "Once it serves, one line on stdout says where:\n"
    "  gregor ready bootstrap=HOST:PORT data=DIR pid=N ms=N\n"
    "SIGTERM and SIGINT stop it cleanly. Exit status: 0 stopped, 1 could not start or\n"
    "not write all at the end, 2 a bad option or setting.\n";

void main_options_help(FILE *out)
{
    fputs(HELP, out);
}

/* What an option does with its value, or with none. */
enum kind { TEXT, FLAG, LIST, LEVEL };

struct option {
    const char *name;
    enum kind kind;
    const char **text;
    bool *flag;
    const char **list;
    size_t *count;
};

static int fail(char *error, const char *format, const char *what)
{
    snprintf(error, GREGOR_ERROR_SIZE, format, what);
    return -1;
}

static int read_level(const char *text, enum gregor_log_level *out, char *error)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(text, names[i]) == 0) {
            *out = (enum gregor_log_level)i;
            return 0;
        }
    }
    return fail(error, "--log is error, warn, info or debug, not '%s'", text);
}

static const struct option *find(const struct option *options, const char *name,
                                 size_t len)
{
    for (; options->name != NULL; options++) {
        if (strlen(options->name) == len && memcmp(options->name, name, len) == 0)
            return options;
    }
    return NULL;
}

/* One option with its value, which stands behind '=' or is the next argument.
 * Returns how many arguments it took, or -1. */
static int read_option(const struct option *options, char **argv,
                       struct main_options *out, char *error)
{
    const char *equals = strchr(argv[0], '=');
    size_t len = equals == NULL ? strlen(argv[0]) : (size_t)(equals - argv[0]);
    const struct option *o = find(options, argv[0], len);
    if (o == NULL)
        return fail(error, "unknown option '%s'; --help lists them", argv[0]);
    if (o->kind == FLAG) {
        if (equals != NULL)
            return fail(error, "%s takes no value", o->name);
        *o->flag = true;
        return 1;
    }
    const char *value = equals != NULL ? equals + 1 : argv[1];
    if (value == NULL)
        return fail(error, "%s wants a value", o->name);
    if (o->kind == LEVEL) {
        if (read_level(value, &out->broker.log_level, error) != 0)
            return -1;
    } else if (o->kind == LIST) {
        o->list[(*o->count)++] = value;
    } else if (*o->text != NULL) {
        return fail(error, "%s is given twice", o->name);
    } else {
        *o->text = value;
    }
    return equals != NULL ? 1 : 2;
}

int main_options_read(int argc, char **argv, struct main_options *out, char *error)
{
    *out = (struct main_options){.broker = GREGOR_OPTIONS_INIT};
    struct gregor_options *b = &out->broker;
    out->settings = calloc((size_t)argc, sizeof(*out->settings));
    out->topics = calloc((size_t)argc, sizeof(*out->topics));
    if (out->settings == NULL || out->topics == NULL) {
        main_options_free(out);
        return fail(error, "%s", "out of memory");
    }
    b->settings = out->settings;
    b->topics = out->topics;
    const struct option options[] = {
        {"--advertise", TEXT, .text = &b->advertise},
        {"--config", TEXT, .text = &b->config_file},
        {"--data", TEXT, .text = &b->data_dir},
        {"--ephemeral", FLAG, .flag = &b->ephemeral},
        {"--exit-with-parent", FLAG, .flag = &out->exit_with_parent},
        {"--help", FLAG, .flag = &out->help},
        {"--listen", TEXT, .text = &b->listen},
        {"--log", LEVEL},
        {"--print-config", FLAG, .flag = &out->print_config},
        {"--profile", TEXT, .text = &b->profile},
        {"--ready-file", TEXT, .text = &out->ready_file},
        {"--set", LIST, .list = out->settings, .count = &b->setting_count},
        {"--topic", LIST, .list = out->topics, .count = &b->topic_count},
        {"--version", FLAG, .flag = &out->version},
        {NULL},
    };
    for (int i = 1; i < argc;) {
        int took = read_option(options, argv + i, out, error);
        if (took < 0) {
            main_options_free(out);
            return -1;
        }
        i += took;
    }
    return 0;
}

void main_options_free(struct main_options *o)
{
    free(o->settings);
    free(o->topics);
    o->settings = o->topics = NULL;
}
