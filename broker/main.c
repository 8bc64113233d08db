/* The program around libgregor: options, the ready line and file, signals, the
 * parent's death. Its commands are of tools/. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "broker/gregor.h"
#include "broker/main_options.h"
#include "broker/ready_file.h"
#include "tools/command.h"

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* Becomes readable when the process that started us ends; -1 without. The
 * parent may be gone already: then its number is another's, or init's. */
static int watch_parent(void)
{
    pid_t parent = getppid();
    int fd = (int)syscall(SYS_pidfd_open, parent, 0);
    if (fd >= 0 && getppid() != parent) {
        close(fd);
        return -1;
    }
    return fd;
}

static int complain(const char *why, int status)
{
    fprintf(stderr, "gregor: %s\n", why);
    return status;
}

static int print_config(const struct main_options *o)
{
    char error[GREGOR_ERROR_SIZE];
    char *text;
    if (gregor_print_config(&o->broker, &text, error) != GREGOR_OK)
        return complain(error, EXIT_USAGE);
    fputs(text, stdout);
    free(text);
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILED;
}

/* Waits for a signal that ends us, or for the parent's end. */
static void wait_for_end(int signals, int parent)
{
    struct pollfd fds[] = {{.fd = signals, .events = POLLIN},
                           {.fd = parent, .events = POLLIN}};
    while (poll(fds, parent >= 0 ? 2 : 1, -1) < 0 && errno == EINTR)
        ;
}

/* A descriptor for each connection and open log: all that we are allowed. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static int serve(const struct main_options *o, int signals, int64_t started_us)
{
    char error[GREGOR_ERROR_SIZE];
    struct gregor *g;
    int parent = -1;
    if (o->exit_with_parent) {
        parent = watch_parent();
        if (parent < 0)
            return complain("the starting process has ended already", EXIT_FAILED);
    }
    raise_descriptor_limit();
    enum gregor_status status = gregor_start(&o->broker, &g, error);
    if (status != GREGOR_OK)
        return complain(error, status == GREGOR_USAGE ? EXIT_USAGE : EXIT_FAILED);
    /* The file before the line: who has read one finds the other. */
    int result = EXIT_SUCCESS;
    if (o->ready_file != NULL && ready_file_write(o->ready_file, g, error) != 0) {
        result = complain(error, EXIT_FAILED);
    } else {
        printf("gregor ready bootstrap=%s data=%s pid=%d ms=%lld\n",
               gregor_bootstrap(g), gregor_data_dir(g), (int)getpid(),
               (long long)(now_us() - started_us + 500) / 1000);
        fflush(stdout);
        wait_for_end(signals, parent);
    }
    if (o->ready_file != NULL)
        unlink(o->ready_file);
    if (gregor_stop(g, error) != GREGOR_OK)
        result = complain(error, EXIT_FAILED);
    return result;
}

/* Every signal that would end us and can be caught ends us in order, so that no
 * temporary folder is left. They are blocked before any thread starts, so that all
 * threads inherit it, and read through the descriptor returned, so that nothing runs
 * inside a handler. SIGPIPE is none of them: who read our ready line and left need
 * not take the broker along. */
static int take_signals(void)
{
    static const int ends[] = {SIGTERM, SIGINT,    SIGHUP,  SIGQUIT, SIGUSR1, SIGUSR2,
                               SIGALRM, SIGVTALRM, SIGPROF, SIGXCPU, SIGIO};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
        sigaddset(&set, ends[i]);
    int fd = signalfd(-1, &set, SFD_CLOEXEC);
    sigaddset(&set, SIGPIPE);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return fd;
}

int main(int argc, char **argv)
{
    int64_t started_us = now_us();
    struct main_options o;
    char error[GREGOR_ERROR_SIZE];
    if (argc > 1 && argv[1][0] != '-')
        return command_run(argc - 1, argv + 1);
    if (main_options_read(argc, argv, &o, error) != 0)
        return complain(error, EXIT_USAGE);
    int result = EXIT_SUCCESS;
    if (o.help) {
        main_options_help(stdout);
    } else if (o.version) {
        printf("gregor %s\n", gregor_version());
    } else if (o.print_config) {
        result = print_config(&o);
    } else {
        int signals = take_signals();
        if (signals < 0)
            result = complain("no descriptors for signals", EXIT_FAILED);
        else
            result = serve(&o, signals, started_us);
    }
    main_options_free(&o);
    return result;
}
