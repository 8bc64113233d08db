/* A file is natural lines; a backslash at the end of one joins the next to it,
 * less its leading blanks, into a logical line. Parsing goes in two steps:
 *
 *     natural lines --read_logical--> logical line --split--> key, value
 *     (escapes still in it)                        --unescape--> UTF-8
 *
 * The joined line lives in one scratch buffer, grown to the longest one. */
#include "config/properties.h"

/* \t stands for a tab, and so on. */
static const char escape_letters[] = "tnrf";
static const char escape_bytes[] = "\t\n\r\f";

struct reader {
    const char *at;
    const char *end;
    int line;       /* of `at` */
    int first_line; /* of the logical line in `joined` */
    struct buf joined;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\f';
}

static bool is_eol(char c)
{
    return c == '\n' || c == '\r';
}

static void skip_blanks(struct reader *r)
{
    while (r->at < r->end && is_blank(*r->at))
        r->at++;
}

/* "\r\n" is one end of line. */
static void skip_eol(struct reader *r)
{
    if (r->at == r->end)
        return;
    if (*r->at == '\r' && r->at + 1 < r->end && r->at[1] == '\n')
        r->at++;
    r->at++;
    r->line++;
}

/* The natural line at hand, up to its end, which is left unread. */
static struct str take_line(struct reader *r)
{
    const char *start = r->at;
    while (r->at < r->end && !is_eol(*r->at))
        r->at++;
    return (struct str){start, (int32_t)(r->at - start)};
}

/* A backslash continues the line unless it is itself escaped. */
static bool is_continued(struct str line)
{
    int32_t slashes = 0;
    while (slashes < line.len && line.data[line.len - 1 - slashes] == '\\')
        slashes++;
    return slashes % 2 == 1;
}

/* Joins the next logical line that is neither blank nor a comment; false at the end
 * of the text. */
static bool read_logical(struct reader *r)
{
    r->joined.len = 0;
    while (r->at < r->end) {
        skip_blanks(r);
        if (r->joined.len == 0 && r->at < r->end && (*r->at == '#' || *r->at == '!')) {
            take_line(r);
            skip_eol(r);
            continue;
        }
        if (r->joined.len == 0)
            r->first_line = r->line;
        struct str line = take_line(r);
        bool continued = is_continued(line);
        buf_append(&r->joined, line.data,
                   (size_t)(continued ? line.len - 1 : line.len));
        skip_eol(r);
        if (!continued && r->joined.len > 0)
            return true;
    }
    return r->joined.len > 0;
}

/* Where the key ends: at the first blank, = or : that no backslash protects. */
static int32_t key_length(struct str line)
{
    int32_t i = 0;
    while (i < line.len) {
        char c = line.data[i];
        if (c == '=' || c == ':' || is_blank(c))
            break;
        i += c == '\\' && i + 1 < line.len ? 2 : 1;
    }
    return i;
}

/* Cuts a logical line in two. Around the one separator blanks do not count. */
static void split(struct str line, struct str *key, struct str *value)
{
    int32_t at = key_length(line);
    *key = (struct str){line.data, at};
    while (at < line.len && is_blank(line.data[at]))
        at++;
    if (at < line.len && (line.data[at] == '=' || line.data[at] == ':'))
        at++;
    while (at < line.len && is_blank(line.data[at]))
        at++;
    *value = (struct str){line.data + at, line.len - at};
}

/* The four digits after \u; -1 when they are not. */
static int32_t hex4(const char *digits, int32_t available)
{
    int32_t unit = 0;
    for (int i = 0; i < 4; i++) {
        char c = i < available ? digits[i] : '\0';
        int digit;
        if (c >= '0' && c <= '9')
            digit = c - '0';
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            digit = (c | 0x20) - 'a' + 10;
        else
            return -1;
        unit = unit * 16 + digit;
    }
    return unit;
}

static size_t utf8_put(char *out, uint32_t rune)
{
    if (rune < 0x80) {
        out[0] = (char)rune;
        return 1;
    }
    if (rune < 0x800) {
        out[0] = (char)(0xC0 | rune >> 6);
        out[1] = (char)(0x80 | (rune & 0x3F));
        return 2;
    }
    if (rune < 0x10000) {
        out[0] = (char)(0xE0 | rune >> 12);
        out[1] = (char)(0x80 | (rune >> 6 & 0x3F));
        out[2] = (char)(0x80 | (rune & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | rune >> 18);
    out[1] = (char)(0x80 | (rune >> 12 & 0x3F));
    out[2] = (char)(0x80 | (rune >> 6 & 0x3F));
    out[3] = (char)(0x80 | (rune & 0x3F));
    return 4;
}

/* Reads the escape whose 'u' is at s.data[at], with the second half of a surrogate
 * pair when it is the first; returns the index behind it, or an error. */
static int32_t unescape_unicode(struct str s, int32_t at, uint32_t *rune,
                                struct err *err)
{
    int32_t unit = hex4(s.data + at + 1, s.len - at - 1);
    if (unit < 0)
        return err_set(err, ERR_INVALID, "\\u must be followed by four hex digits");
    at += 5;
    *rune = (uint32_t)unit;
    if (unit < 0xD800 || unit > 0xDFFF)
        return at;
    int32_t low = -1;
    if (unit < 0xDC00 && s.len - at >= 6 && s.data[at] == '\\' && s.data[at + 1] == 'u')
        low = hex4(s.data + at + 2, s.len - at - 2);
    if (low < 0xDC00 || low > 0xDFFF)
        return err_set(err, ERR_INVALID, "\\u%04X is half of a surrogate pair", unit);
    *rune = 0x10000 + ((*rune - 0xD800) << 10) + (uint32_t)(low - 0xDC00);
    return at + 6;
}

/* Copies s into `arena` without its escapes. What comes out is never longer: the
 * shortest escape, \uXXXX, is six bytes and makes at most three. */
static int unescape(struct str s, struct arena *arena, struct str *out, struct err *err)
{
    char *to = arena_alloc(arena, (size_t)s.len + 1);
    if (to == NULL)
        return err_nomem(err);
    size_t len = 0;
    int32_t at = 0;
    while (at < s.len) {
        char c = s.data[at++];
        uint32_t rune = 0;
        if (c == '\\' && at == s.len)
            break; /* the last thing in the file */
        if (c == '\\' && s.data[at] == 'u') {
            at = unescape_unicode(s, at, &rune, err);
            if (at < 0)
                return at;
            len += utf8_put(to + len, rune);
        } else if (c == '\\') {
            const char *known = memchr(escape_letters, s.data[at], 4);
            to[len++] =
                known == NULL ? s.data[at] : escape_bytes[known - escape_letters];
            at++;
        } else {
            to[len++] = c;
        }
        if (to[len - 1] == '\0')
            return err_set(err, ERR_INVALID, "a zero byte");
    }
    *out = (struct str){to, (int32_t)len};
    return 0;
}

static struct property *find(const struct properties *p, struct str key)
{
    for (size_t i = 0; i < p->count; i++) {
        if (str_equal(p->items[i].key, key))
            return &p->items[i];
    }
    return NULL;
}

static int put(struct properties *p, struct property item, struct err *err)
{
    struct property *same = find(p, item.key);
    if (same != NULL) {
        *same = item;
        return 0;
    }
    if (p->count == PROPERTIES_MAX_KEYS)
        return err_set(err, ERR_INVALID, "more than %d keys", PROPERTIES_MAX_KEYS);
    p->items[p->count++] = item;
    return 0;
}

static int parse_logical(struct properties *p, struct str line, int number,
                         struct err *err)
{
    struct str key;
    struct str value;
    split(line, &key, &value);
    struct property item = {.line = number};
    int rc = unescape(key, &p->arena, &item.key, err);
    if (rc != 0)
        return rc;
    rc = unescape(value, &p->arena, &item.value, err);
    if (rc != 0)
        return rc;
    return put(p, item, err);
}

int properties_parse(struct str text, struct properties *out, struct err *err)
{
    if (text.len > PROPERTIES_MAX_BYTES)
        return err_set(err, ERR_INVALID, "larger than %d bytes", PROPERTIES_MAX_BYTES);
    if (text.data == NULL)
        text = STR_LITERAL("");
    struct reader r = {.at = text.data, .end = text.data + text.len, .line = 1};
    struct properties p = PROPERTIES_INIT;
    int rc = 0;
    p.items = arena_array(&p.arena, PROPERTIES_MAX_KEYS, sizeof(*p.items));
    if (p.items == NULL)
        rc = err_nomem(err);
    while (rc == 0 && read_logical(&r)) {
        if (r.joined.failed) {
            rc = err_nomem(err);
            break;
        }
        struct str line = {(const char *)r.joined.data, (int32_t)r.joined.len};
        rc = parse_logical(&p, line, r.first_line, err);
        if (rc == ERR_INVALID)
            err_context(err, "line %d", r.first_line);
    }
    buf_free(&r.joined);
    if (rc != 0) {
        properties_free(&p);
        return rc;
    }
    *out = p;
    return 0;
}

void properties_free(struct properties *p)
{
    arena_reset(&p->arena);
    *p = PROPERTIES_INIT;
}

const struct property *properties_find(const struct properties *p, const char *key)
{
    return find(p, str_of(key));
}

/* The length of the UTF-8 sequence at s[at], and its rune; 0 when it is none. */
static int32_t utf8_get(struct str s, int32_t at, uint32_t *rune)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char first = (unsigned char)s.data[at];
    int32_t len = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC0 || first >= 0xF8 || s.len - at < len)
        return 0;
    *rune = first & (0xFFu >> (len + 1));
    for (int32_t i = 1; i < len; i++) {
        unsigned char next = (unsigned char)s.data[at + i];
        if ((next & 0xC0) != 0x80)
            return 0;
        *rune = *rune << 6 | (next & 0x3F);
    }
    bool surrogate = *rune >= 0xD800 && *rune <= 0xDFFF;
    return *rune < smallest[len] || *rune > 0x10FFFF || surrogate ? 0 : len;
}

static void append_unicode(struct buf *out, uint32_t rune)
{
    if (rune < 0x10000) {
        buf_printf(out, "\\u%04X", (unsigned)rune);
        return;
    }
    rune -= 0x10000;
    buf_printf(out, "\\u%04X\\u%04X", (unsigned)(0xD800 + (rune >> 10)),
               (unsigned)(0xDC00 + (rune & 0x3FF)));
}

/* `all_blanks`: in a key each blank would end it, in a value only the first ones
 * would be lost. */
static void append_escaped(struct buf *out, struct str s, bool all_blanks)
{
    bool leading = true;
    for (int32_t at = 0; at < s.len; at++) {
        char c = s.data[at];
        const char *control = memchr(escape_bytes, c, 4);
        uint32_t rune = (unsigned char)c;
        int32_t len = rune < 0x80 ? 0 : utf8_get(s, at, &rune);
        if (len > 0) {
            append_unicode(out, rune);
            at += len - 1;
        } else if (control != NULL) {
            buf_printf(out, "\\%c", escape_letters[control - escape_bytes]);
        } else if (strchr("\\=:#!", c) != NULL ||
                   (c == ' ' && (all_blanks || leading))) {
            buf_printf(out, "\\%c", c);
        } else {
            buf_append(out, &c, 1);
        }
        leading = leading && c == ' ';
    }
}

void properties_append(struct buf *out, struct str key, struct str value)
{
    append_escaped(out, key, true);
    buf_append(out, "=", 1);
    append_escaped(out, value, false);
    buf_append(out, "\n", 1);
}
