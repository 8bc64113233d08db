#include "tools/command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"dump-log", dump_log_command},
    {"graduate", graduate_command},
    {"inspect", inspect_command},
};

int command_run(int argc, char **argv)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(argv[0], commands[i].name) == 0)
            return commands[i].run(argc, argv);
    }
    fprintf(stderr, "gregor: unknown command '%s'; --help lists them\n", argv[0]);
    return EXIT_USAGE;
}

int command_complain(const char *command, const struct err *err, int status)
{
    fprintf(stderr, "gregor %s: %s\n", command, err->message);
    return status;
}

int command_end(const char *command, int status)
{
    struct err err;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    err_errno(&err, errno, "cannot write the output");
    return command_complain(command, &err, EXIT_FAILED);
}
