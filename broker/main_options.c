#include "broker/main_options.h"

#include <stdlib.h>

#include "tools/options.h"

static const char HELP[] =
    "Usage: gregor [options]\n"
    "       gregor COMMAND ...\n"
    "\n"
    "A Kafka broker that starts in milliseconds, and its tools.\n"
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
    "not write all at the end, 2 a bad option or setting.\n"
    "\n"
    "Commands, each with a --help of its own:\n"
    "  gregor dump-log FILE...     what logs, indexes, snapshots and checkpoints say\n"
    "  gregor inspect TOPIC[/PARTITION]  what a data directory holds of a topic\n"
    "  gregor graduate             how to start Apache Kafka on a data directory\n";

void main_options_help(FILE *out)
{
    fputs(HELP, out);
}

static int fail(struct main_options *out, const struct err *err, char *error)
{
    main_options_free(out);
    snprintf(error, GREGOR_ERROR_SIZE, "%s", err->message);
    return -1;
}

static const char *const levels[] = {"error", "warn", "info", "debug", NULL};

int main_options_read(int argc, char **argv, struct main_options *out, char *error)
{
    *out = (struct main_options){.broker = GREGOR_OPTIONS_INIT};
    struct gregor_options *b = &out->broker;
    int level = (int)b->log_level;
    out->settings = calloc((size_t)argc, sizeof(*out->settings));
    out->topics = calloc((size_t)argc, sizeof(*out->topics));
    struct err err;
    if (out->settings == NULL || out->topics == NULL) {
        err_nomem(&err);
        return fail(out, &err, error);
    }
    b->settings = out->settings;
    b->topics = out->topics;
    const struct option options[] = {
        {"--advertise", OPTION_TEXT, .text = &b->advertise},
        {"--config", OPTION_TEXT, .text = &b->config_file},
        {"--data", OPTION_TEXT, .text = &b->data_dir},
        {"--ephemeral", OPTION_FLAG, .flag = &b->ephemeral},
        {"--exit-with-parent", OPTION_FLAG, .flag = &out->exit_with_parent},
        {"--help", OPTION_FLAG, .flag = &out->help},
        {"--listen", OPTION_TEXT, .text = &b->listen},
        {"--log", OPTION_CHOICE, .choices = levels, .choice = &level},
        {"--print-config", OPTION_FLAG, .flag = &out->print_config},
        {"--profile", OPTION_TEXT, .text = &b->profile},
        {"--ready-file", OPTION_TEXT, .text = &out->ready_file},
        {"--set", OPTION_LIST, .list = out->settings, .count = &b->setting_count},
        {"--topic", OPTION_LIST, .list = out->topics, .count = &b->topic_count},
        {"--version", OPTION_FLAG, .flag = &out->version},
        {NULL},
    };
    if (options_read(options, argc, argv, NULL, NULL, &err) != 0)
        return fail(out, &err, error);
    b->log_level = (enum gregor_log_level)level;
    return 0;
}

void main_options_free(struct main_options *o)
{
    free(o->settings);
    free(o->topics);
    o->settings = o->topics = NULL;
}
