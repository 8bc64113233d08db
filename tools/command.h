/* tools/command.h
 *
 * The commands of the program gregor besides the broker: gregor NAME …. They read
 * data directories, and need no broker. */
#ifndef GREGOR_TOOLS_COMMAND_H
#define GREGOR_TOOLS_COMMAND_H

#include "protocol/base/err.h"

/* Exit statuses of the broker and of every command. */
#define EXIT_FAILED 1 /* something could not be read, or is damaged */
#define EXIT_USAGE 2  /* a bad option or setting: nothing was touched */

/* The broker's data directory where none is named. */
#define DEFAULT_DATA "./gregor-data"

/* Runs the command that argv[0] names, argv[1] being its first argument, and returns
 * the exit status. EXIT_USAGE, with a sentence on stderr, if there is none of that
 * name. */
int command_run(int argc, char **argv);

/* For commands: "gregor NAME: what went wrong" on stderr; returns `status`. */
int command_complain(const char *command, const struct err *err, int status);

/* The status of a command that wrote all of its output, or EXIT_FAILED, told on
 * stderr, when stdout took not all of it. */
int command_end(const char *command, int status);

/* tools/dump/dump_log.c, tools/graduate/graduate.c, tools/inspect/inspect.c */
int dump_log_command(int argc, char **argv);
int graduate_command(int argc, char **argv);
int inspect_command(int argc, char **argv);

#endif
