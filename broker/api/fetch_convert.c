#include "broker/api/fetch_convert.h"

#include "protocol/message_set.h"
#include "storage/batch_walk.h"

/* False: that was the last batch that the reader gets. */
static bool convert_next(struct fetch_conversion *c, const uint8_t *data,
                         const struct record_batch *batch)
{
    size_t before = c->messages.len;
    c->rc = message_set_append(&c->messages, c->magic, data, (size_t)batch->size,
                               c->first_offset, c->expand_limit, &c->err);
    if (c->rc != 0)
        return false;
    if (before > 0 && c->messages.len > (size_t)c->slice->size) {
        c->messages.len = before;
        return false;
    }
    c->next_offset = batch->last_offset + 1;
    return c->messages.len < (size_t)c->slice->size;
}

void fetch_convert(struct fetch_conversion *c)
{
    const struct log_slice *s = c->slice;
    struct batch_walk w;
    struct record_batch batch;
    const uint8_t *data;
    c->next_offset = c->first_offset;
    c->rc = batch_walk_open(&w, s->file->disk, s->file->fd, s->position,
                            s->position + s->size, &c->err);
    if (c->rc != 0)
        return;
    bool more = true;
    while (more) {
        c->rc = batch_walk_next_whole(&w, &batch, &data, &c->err);
        more = c->rc == 1 && convert_next(c, data, &batch);
    }
    batch_walk_close(&w);
    if (c->rc > 0 || c->messages.len > 0)
        c->rc = 0;
}

void fetch_conversion_free(struct fetch_conversion *c)
{
    buf_free(&c->messages);
}
