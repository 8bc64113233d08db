/* protocol/base/trace.h
 *
 * Diagnostics: one line per event, to stderr by default. "log" is kept for
 * partition logs. Quiet by default: a healthy broker says nothing.
 *
 * Any thread: a line is written with one call. */
#ifndef GREGOR_PROTOCOL_BASE_TRACE_H
#define GREGOR_PROTOCOL_BASE_TRACE_H

#include <stdbool.h>

enum trace_level { TRACE_ERROR, TRACE_WARN, TRACE_INFO, TRACE_DEBUG };

struct trace {
    enum trace_level level; /* what is above it is dropped */
    void (*write)(const struct trace *trace, enum trace_level level, const char *line);
    void *context; /* the writer's own */
};

/* To stderr, with time and level before each line. */
extern const struct trace trace_stderr;

void trace_emit(const struct trace *trace, enum trace_level level, const char *format,
                ...) __attribute__((format(printf, 3, 4)));

static inline bool trace_wants(const struct trace *trace, enum trace_level level)
{
    return level <= trace->level;
}

#define trace_at(trace, at, ...)                    \
    do {                                            \
        if (trace_wants((trace), (at)))             \
            trace_emit((trace), (at), __VA_ARGS__); \
    } while (0)

#define trace_error(trace, ...) trace_at((trace), TRACE_ERROR, __VA_ARGS__)
#define trace_warn(trace, ...) trace_at((trace), TRACE_WARN, __VA_ARGS__)
#define trace_info(trace, ...) trace_at((trace), TRACE_INFO, __VA_ARGS__)
#define trace_debug(trace, ...) trace_at((trace), TRACE_DEBUG, __VA_ARGS__)

#endif
