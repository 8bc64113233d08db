#include "tests/bench/client.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void die(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    fputs("bench_client: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(EXIT_FAILURE);
}

long number(const char *text)
{
    char *end;

    errno = 0;
    long value = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0')
        die("'%s' is no number", text);
    return value;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int least; /* arguments */
        int (*run)(char **arguments);
    } commands[] = {
        {"produce", 5, run_produce},         {"consume", 3, run_consume},
        {"latency", 3, run_latency},         {"start", 2, run_start},
        {"connections", 2, run_connections}, {"settle", 6, run_settle},
        {"commits", 5, run_commits},         {"groups", 5, run_groups},
    };

    for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(argv[1], commands[i].name) == 0 && argc - 2 >= commands[i].least)
            return commands[i].run(argv + 2);
    die("see client.h for the commands");
}
