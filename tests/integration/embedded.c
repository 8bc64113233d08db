/* A program that embeds a broker, built against an installed libgregor: starts
 * one, asks it for its ApiVersions over TCP, stops it. C and C++ alike. */
#include <arpa/inet.h>
#include <gregor.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int connect_to(const char *bootstrap)
{
    struct sockaddr_in address;
    memset(&address, 0, sizeof(address));
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons((unsigned short)atoi(strrchr(bootstrap, ':') + 1));
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        perror(bootstrap);
    return fd;
}

/* ApiVersions v0, correlation id 7, no client id: true if its like comes back. */
static int speaks_kafka(const char *bootstrap)
{
    static const unsigned char request[] = {0, 0, 0, 10, 0, 18,   0,
                                            0, 0, 0, 0,  7, 0xff, 0xff};
    static const unsigned char no_error[] = {0, 0, 0, 7, 0, 0};
    unsigned char answer[10]; /* size, correlation id, error code */
    int fd = connect_to(bootstrap);
    int right =
        write(fd, request, sizeof(request)) == (ssize_t)sizeof(request) &&
        recv(fd, answer, sizeof(answer), MSG_WAITALL) == (ssize_t)sizeof(answer) &&
        memcmp(answer + 4, no_error, sizeof(no_error)) == 0;
    close(fd);
    return right;
}

int main(void)
{
    struct gregor_options options = GREGOR_OPTIONS_INIT;
    struct gregor *broker = NULL;
    char error[GREGOR_ERROR_SIZE] = "";
    options.ephemeral = true;
    options.listen = "127.0.0.1:0";
    if (gregor_start(&options, &broker, error) != GREGOR_OK) {
        fprintf(stderr, "%s\n", error);
        return 1;
    }
    int right = speaks_kafka(gregor_bootstrap(broker));
    if (gregor_stop(broker, error) != GREGOR_OK) {
        fprintf(stderr, "%s\n", error);
        return 1;
    }
    puts(right ? gregor_version() : "no answer");
    return right ? 0 : 1;
}
