/* broker/gregor.h
 *
 * libgregor: a Kafka broker inside your process. The whole of the public API.
 *
 *     struct gregor_options options = GREGOR_OPTIONS_INIT;
 *     options.ephemeral = true;
 *     options.listen = "127.0.0.1:0";
 *     struct gregor *broker;
 *     char error[GREGOR_ERROR_SIZE];
 *     if (gregor_start(&options, &broker, error) != GREGOR_OK)
 *         …
 *     … gregor_bootstrap(broker) is "127.0.0.1:40123" …
 *     gregor_stop(broker, error);
 *
 * Several brokers may run in one process, each with its own data directory and
 * thread; stopping one leaves the others alone. Functions may be called from any
 * thread, but those of one broker not at the same time. No signal handler is
 * installed and no signal is handled: that is the program's. */
#ifndef GREGOR_H
#define GREGOR_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GREGOR_API __attribute__((visibility("default")))

#define GREGOR_ERROR_SIZE 512

enum gregor_status {
    GREGOR_OK = 0,
    /* A data directory in use, unreadable, of another cluster or a newer format;
     * an address in use; a disk that fails. */
    GREGOR_FAILED = 1,
    /* A bad option or setting: nothing was opened or changed. */
    GREGOR_USAGE = 2,
};

enum gregor_log_level {
    GREGOR_LOG_ERROR,
    GREGOR_LOG_WARN,
    GREGOR_LOG_INFO,
    GREGOR_LOG_DEBUG,
};

/* Strings are borrowed until gregor_start() returns. What is NULL or zero has
 * its default. */
struct gregor_options {
    size_t size; /* sizeof(struct gregor_options): which fields the caller knows */

    const char *config_file;     /* a server.properties; NULL: none */
    const char *const *settings; /* "key=value", stronger than the file */
    size_t setting_count;
    const char *profile; /* "dev" (default) or "kafka" */

    const char *data_dir;  /* default: log.dirs of the settings, else ./gregor-data */
    bool ephemeral;        /* a private temporary folder, gone after gregor_stop() */
    const char *listen;    /* "HOST:PORT", port 0 for any; default 127.0.0.1:9092 */
    const char *advertise; /* "HOST:PORT" that clients are told; default: listen */

    /* "NAME[:PARTITIONS[:key=value,…]]": made before clients can connect, if
     * they do not exist yet. */
    const char *const *topics;
    size_t topic_count;

    /* Diagnostics; the default writes warnings and errors to stderr. May be
     * called from several threads at once. */
    enum gregor_log_level log_level;
    void (*log)(void *context, enum gregor_log_level level, const char *line);
    void *log_context;
};

#ifdef __cplusplus
static inline gregor_options gregor_options_init()
{
    gregor_options options = gregor_options();
    options.size = sizeof(options);
    options.log_level = GREGOR_LOG_WARN;
    return options;
}
#define GREGOR_OPTIONS_INIT gregor_options_init()
#else
#define GREGOR_OPTIONS_INIT                                                 \
    {                                                                       \
        .size = sizeof(struct gregor_options), .log_level = GREGOR_LOG_WARN \
    }
#endif

struct gregor;

/* Starts a broker on a thread of its own and returns when it serves: topics
 * asked for exist, internal state is loaded, clients can connect. On failure
 * *out is untouched and `error` (GREGOR_ERROR_SIZE bytes) holds one sentence. */
GREGOR_API enum gregor_status gregor_start(const struct gregor_options *options,
                                           struct gregor **out, char *error);

/* "HOST:PORT" for clients' bootstrap.servers; valid until gregor_stop(). */
GREGOR_API const char *gregor_bootstrap(const struct gregor *g);

/* The absolute path of the data directory; valid until gregor_stop(). */
GREGOR_API const char *gregor_data_dir(const struct gregor *g);

/* Answers or refuses what is in flight, flushes, checkpoints, ends the thread and
 * frees the broker, whatever it returns. GREGOR_FAILED: not all could be written;
 * the next start recovers. Accepts NULL. */
GREGOR_API enum gregor_status gregor_stop(struct gregor *g, char *error);

/* The settings that would be in force, as the text of a .properties file; to be
 * freed with free(). Opens no data directory. */
GREGOR_API enum gregor_status gregor_print_config(const struct gregor_options *options,
                                                  char **out, char *error);

/* "0.1.0" */
GREGOR_API const char *gregor_version(void);

#ifdef __cplusplus
}
#endif

#endif
