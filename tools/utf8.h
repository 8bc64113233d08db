/* tools/utf8.h
 *
 * Bytes shown as text. Any thread. */
#ifndef GREGOR_TOOLS_UTF8_H
#define GREGOR_TOOLS_UTF8_H

#include "protocol/base/buf.h"
#include "protocol/base/view.h"

/* Appends `in` as UTF-8, with U+FFFD where it is none: one for each malformed
 * sequence, as Java's decoder counts them. */
void utf8_append(struct buf *out, struct bytes in);

#endif
