#include "protocol/base/trace.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

static void stderr_write(const struct trace *trace, enum trace_level level,
                         const char *line)
{
    static const char *const names[] = {"ERROR", "WARN", "INFO", "DEBUG"};
    (void)trace;
    struct timespec now;
    struct tm parts;
    char when[32];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &parts);
    fprintf(stderr, "%s.%03dZ %s %s\n", when, (int)(now.tv_nsec / 1000000),
            names[level], line);
}

const struct trace trace_stderr = {.level = TRACE_WARN, .write = stderr_write};

void trace_emit(const struct trace *trace, enum trace_level level, const char *format,
                ...)
{
    char line[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    /* Names that clients chose are in many lines: they must not forge others. */
    for (char *c = line; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
    }
    trace->write(trace, level, line);
}
