#include "storage/checkpoint_file.h"

#define CHECKPOINT_VERSION 0
#define CHECKPOINT_LIMIT ((size_t)256 << 20)

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

bool checkpoint_take_word(struct str *line, struct str *out)
{
    int32_t from = 0;
    while (from < line->len && is_blank(line->data[from]))
        from++;
    int32_t to = from;
    while (to < line->len && !is_blank(line->data[to]))
        to++;
    *out = (struct str){line->data + from, to - from};
    *line = (struct str){line->data + to, line->len - to};
    return out->len > 0;
}

bool checkpoint_take_int64(struct str *line, int64_t *out)
{
    struct str word;
    if (!checkpoint_take_word(line, &word))
        return false;
    bool negative = word.data[0] == '-';
    int64_t value = 0;
    for (int32_t i = negative; i < word.len; i++) {
        int digit = word.data[i] - '0';
        if (digit < 0 || digit > 9 || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, negative ? -digit : digit, &value))
            return false;
    }
    *out = value;
    return word.len > negative;
}

static bool take_line(struct str *text, struct str *line)
{
    if (text->len == 0)
        return false;
    const char *end = memchr(text->data, '\n', (size_t)text->len);
    int32_t len = end == NULL ? text->len : (int32_t)(end - text->data);
    int32_t used = end == NULL ? len : len + 1;
    *line = (struct str){text->data, len};
    *text = (struct str){text->data + used, text->len - used};
    return true;
}

static bool take_number_line(struct str *text, int64_t *out)
{
    struct str line, rest;
    return take_line(text, &line) && checkpoint_take_int64(&line, out) &&
           !checkpoint_take_word(&line, &rest);
}

static int parse(struct str text,
                 int (*each)(void *context, struct str line, struct err *err),
                 void *context, struct err *err)
{
    int64_t version, count;
    if (!take_number_line(&text, &version) || !take_number_line(&text, &count))
        return err_set(err, ERR_CORRUPT, "it does not begin with version and count");
    if (version != CHECKPOINT_VERSION)
        return err_set(err, ERR_CORRUPT, "its version is %lld, not %d",
                       (long long)version, CHECKPOINT_VERSION);
    struct str line;
    int64_t seen = 0;
    while (take_line(&text, &line)) {
        int rc = each(context, line, err);
        if (rc != 0)
            return rc;
        seen++;
    }
    if (seen != count)
        return err_set(err, ERR_CORRUPT, "it has %lld entries, not %lld",
                       (long long)seen, (long long)count);
    return 0;
}

int checkpoint_file_read(struct disk *disk, const char *path,
                         int (*each)(void *context, struct str line, struct err *err),
                         void *context, struct err *err)
{
    struct buf in = BUF_INIT;
    int rc = disk_read_file(disk, path, CHECKPOINT_LIMIT, &in, err);
    if (rc == ERR_NOT_FOUND) {
        buf_free(&in);
        return 0;
    }
    if (rc == 0) {
        struct str text = {(const char *)in.data, (int32_t)in.len};
        rc = parse(text, each, context, err);
        if (rc != 0)
            rc = err_context(err, "checkpoint %s", path);
    }
    buf_free(&in);
    return rc;
}

void checkpoint_file_begin(struct buf *out, size_t count)
{
    buf_printf(out, "%d\n%zu\n", CHECKPOINT_VERSION, count);
}
