#include "broker/address.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int bad(const char *text, const char *what, struct err *err)
{
    return err_set(err, ERR_INVALID,
                   "%s wants HOST:PORT with a port from 0 to 65535, not '%s'", what,
                   text);
}

int address_parse(const char *text, const char *what, struct address *out,
                  struct err *err)
{
    const char *colon = strrchr(text, ':');
    if (colon == NULL || colon[1] == '\0')
        return bad(text, what, err);
    const char *host = text;
    size_t len = (size_t)(colon - text);
    if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
        host++;
        len -= 2;
    } else if (memchr(host, ':', len) != NULL) {
        return bad(text, what, err); /* an IPv6 address without brackets */
    }
    char *end;
    long port = strtol(colon + 1, &end, 10);
    /* strtol() would take blanks and a sign. */
    if (!isdigit((unsigned char)colon[1]) || *end != '\0' || port > 65535 ||
        len >= sizeof(out->host))
        return bad(text, what, err);
    memcpy(out->host, host, len);
    out->host[len] = '\0';
    out->port = (int)port;
    return 0;
}

void address_text(const char *host, int port, char *out, int size)
{
    const char *format = strchr(host, ':') == NULL ? "%s:%d" : "[%s]:%d";
    snprintf(out, (size_t)size, format, host, port);
}
