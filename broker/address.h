/* broker/address.h
 *
 * HOST:PORT as people write it: 127.0.0.1:9092, [::1]:0, :9092 (all
 * addresses). Any thread. */
#ifndef GREGOR_BROKER_ADDRESS_H
#define GREGOR_BROKER_ADDRESS_H

#include "protocol/base/err.h"

struct address {
    char host[256]; /* without brackets */
    int port;
};

/* `what` names the option in errors. ERR_INVALID. */
int address_parse(const char *text, const char *what, struct address *out,
                  struct err *err);

/* host:port, an IPv6 address in brackets. */
void address_text(const char *host, int port, char *out, int size);

#endif
