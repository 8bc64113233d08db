/* broker/start_options.h
 *
 * From what a program asks of gregor_start() to what the server needs: settings
 * read and checked, addresses parsed, the data directory chosen. Until
 * start_options_prepare_dir() nothing is touched.
 *
 * The thread of gregor_start(). */
#ifndef GREGOR_BROKER_START_OPTIONS_H
#define GREGOR_BROKER_START_OPTIONS_H

#include "broker/gregor.h"
#include "config/broker_config.h"
#include "protocol/base/trace.h"
#include "protocol/messages.h"
#include "storage/disk.h"

struct start_options {
    struct broker_config *config; /* owned */
    char *data_dir;               /* owned; absolute after prepare_dir */
    bool ephemeral;
    bool ephemeral_made;                 /* the folder is there: remove it in the end */
    struct create_topics_request topics; /* in the arena */
    struct arena arena;
};

/* ERR_INVALID or ERR_INVALID_CONFIG with one sentence; *out then still wants
 * start_options_free(). */
int start_options_read(const struct gregor_options *options, struct start_options *out,
                       struct err *err);

/* One warning for each unknown setting and one line for those without effect. */
void start_options_report(const struct start_options *o, const struct trace *trace);

/* Makes the temporary folder of an ephemeral broker, and the path absolute. */
int start_options_prepare_dir(struct start_options *o, struct err *err);

/* Removes an ephemeral folder with all it holds. Accepts a zeroed one. */
void start_options_free(struct start_options *o, struct disk *disk);

/* The caller's log function as a trace, or stderr. `log` is filled, and borrowed
 * by the trace. */
struct caller_log {
    void (*write)(void *context, enum gregor_log_level level, const char *line);
    void *context;
};
struct trace start_options_trace(const struct gregor_options *options,
                                 struct caller_log *log);

#endif
