/* The part that librdkafka is too slow or too large for: the first answer of a
 * broker that is starting, and thousands of connections that do nothing. */
#include "tests/bench/client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    BETWEEN_TRIES_NS = 50000, /* leaves the cores to the broker that starts */
    GIVE_UP_US = 60000000,
    ANSWER_MAX = 65536,
};

/* Metadata, version 1, of no topic: the brokers alone. Client id "b". */
static const uint8_t metadata_request[] = {0, 0, 0, 15, 0,   3, 0, 1, 0, 0,
                                           0, 1, 0, 1,  'b', 0, 0, 0, 0};
/* ApiVersions, version 0. */
static const uint8_t versions_request[] = {0, 0, 0, 11, 0, 18, 0,  0,
                                           0, 0, 0, 1,  0, 1,  'b'};

int connect_to(long port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        die("no socket");
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool receive(int fd, uint8_t *out, size_t size)
{
    while (size > 0) {
        ssize_t got = read(fd, out, size);
        if (got <= 0)
            return false;
        out += got;
        size -= (size_t)got;
    }
    return true;
}

/* Sends a request and reads the answer; its length, or -1. */
static int32_t ask(int fd, const uint8_t *request, size_t size,
                   uint8_t answer[ANSWER_MAX])
{
    uint32_t length;

    if (write(fd, request, size) != (ssize_t)size ||
        !receive(fd, (uint8_t *)&length, sizeof(length)))
        return -1;
    length = ntohl(length);
    if (length > ANSWER_MAX || !receive(fd, answer, length))
        return -1;
    return (int32_t)length;
}

/* Whether the broker at the port answers, and knows itself for one. */
static bool answers(long port)
{
    uint8_t answer[ANSWER_MAX];
    uint32_t brokers = 0;
    int fd = connect_to(port);

    if (fd < 0)
        return false;
    /* behind the correlation id: the array of brokers */
    if (ask(fd, metadata_request, sizeof(metadata_request), answer) >= 8)
        memcpy(&brokers, answer + 4, sizeof(brokers));
    close(fd);
    return ntohl(brokers) > 0;
}

int run_start(char **arguments)
{
    const struct timespec pause = {.tv_nsec = BETWEEN_TRIES_NS};
    long port = number(arguments[0]);
    int64_t began = now_us(), took;
    pid_t broker = fork();

    if (broker < 0)
        die("cannot fork");
    if (broker == 0) {
        /* its words must not mix with ours */
        dup2(STDERR_FILENO, STDOUT_FILENO);
        execvp(arguments[1], arguments + 1);
        die("cannot run %s", arguments[1]);
    }
    while (!answers(port)) {
        if (now_us() - began > GIVE_UP_US || waitpid(broker, NULL, WNOHANG) != 0)
            die("no answer from %s", arguments[1]);
        nanosleep(&pause, NULL);
    }
    took = now_us() - began;
    kill(broker, SIGTERM);
    waitpid(broker, NULL, 0);
    printf("{\"first_answer_ms\": %.3f}\n", (double)took / 1000);
    return 0;
}

int run_connections(char **arguments)
{
    long port = number(arguments[0]), count = number(arguments[1]);
    struct rlimit files = {.rlim_cur = (rlim_t)count + 64,
                           .rlim_max = (rlim_t)count + 64};
    uint8_t answer[ANSWER_MAX];

    if (setrlimit(RLIMIT_NOFILE, &files) != 0)
        die("may not open %ld connections", count);
    for (long i = 0; i < count; i++) {
        int fd = connect_to(port);
        /* One request each: a connection that was used, then idle. */
        if (fd < 0 || ask(fd, versions_request, sizeof(versions_request), answer) < 0)
            die("connection %ld was not served", i);
    }
    printf("{\"connections\": %ld}\n", count);
    fflush(stdout);
    while (getchar() != EOF)
        ;
    return 0;
}
