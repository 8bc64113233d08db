/* The one file in C++, for RE2 has no other interface. It throws nothing but
 * std::bad_alloc, and that ends here. */
#include <re2/re2.h>

#include <new>
#include <string>

extern "C" {
#include "broker/group/topic_regex.h"
}

using re2::StringPiece;

/* Some long expressions take time that grows with the square of the length. */
static const size_t PATTERN_MAX = 32 << 10;
static const int64_t MEMORY_MAX = 2 << 20;
/* RE2 does not count what parsing takes; each \p takes some 30 KiB of it. */
static const int UNICODE_CLASSES_MAX = 256;

struct topic_regex {
    topic_regex(const std::string &pattern, const RE2::Options &options)
        : re(pattern, options), failed(false)
    {
    }

    RE2 re;
    mutable bool failed;
};

/* ---- RE2/J's syntax -------------------------------------------------------- */

static const char *const BAD_ESCAPE = "invalid escape sequence";
static const char *const TOO_LARGE = "expression too large";

/* The length of a stretch that begins with \Q: to its \E, or to the end. */
static size_t quoted_length(StringPiece p)
{
    size_t end = p.find("\\E", 2);
    return end == p.npos ? p.size() : end + 2;
}

/* The length of a class, from its [ to its ]; of one without end, all that is left. */
static size_t class_length(StringPiece p)
{
    size_t at = p.substr(1, 1) == "^" ? 2 : 1;
    for (bool first = true; at < p.size(); first = false) {
        size_t named = p.substr(at, 2) == "[:" ? p.find(":]", at + 2) : p.npos;
        if (p[at] == ']' && !first)
            return at + 1;
        if (named != p.npos)
            at = named + 2;
        else
            at += p[at] == '\\' ? 2 : 1;
    }
    return p.size();
}

/* Makes of RE2/J's syntax that of RE2: one knows (?<name>…) for (?P<name>…), the other
 * \C for any byte. False: it has that. */
static bool translate(StringPiece p, std::string *out)
{
    while (!p.empty()) {
        size_t length = 1;
        if (p.substr(0, 3) == "(?<") {
            out->append("(?P");
            p.remove_prefix(2);
        } else if (p[0] == '[') {
            length = class_length(p);
        } else if (p.substr(0, 2) == "\\Q") {
            length = quoted_length(p);
        } else if (p[0] == '\\') {
            if (p.substr(1, 1) == "C")
                return false;
            length = 2;
        }
        length = length < p.size() ? length : p.size();
        out->append(p.data(), length);
        p.remove_prefix(length);
    }
    return true;
}

/* Of those that are quoted some may be counted, too. */
static int count_unicode_classes(StringPiece p)
{
    int count = 0;
    for (size_t at = 0; at + 1 < p.size(); at++) {
        if (p[at] == '\\') {
            at++;
            count += p[at] == 'p' || p[at] == 'P';
        }
    }
    return count;
}

static const char *words_for(RE2::ErrorCode code)
{
    switch (code) {
    case RE2::NoError:
        return "";
    case RE2::ErrorInternal:
        return "internal error";
    case RE2::ErrorBadEscape:
        return BAD_ESCAPE;
    case RE2::ErrorBadCharClass:
    case RE2::ErrorBadCharRange:
        return "invalid character class range";
    case RE2::ErrorMissingBracket:
        return "missing closing ]";
    case RE2::ErrorMissingParen:
        return "missing closing )";
    case RE2::ErrorUnexpectedParen: /* RE2/J: an internal error */
        return "unexpected closing )";
    case RE2::ErrorTrailingBackslash:
        return "trailing backslash at end of expression";
    case RE2::ErrorRepeatArgument:
        return "missing argument to repetition operator";
    case RE2::ErrorRepeatSize:
        return "invalid repeat count";
    case RE2::ErrorRepeatOp:
        return "invalid nested repetition operator";
    case RE2::ErrorBadPerlOp:
        return "invalid or unsupported Perl syntax";
    case RE2::ErrorBadUTF8:
        return "invalid UTF-8";
    case RE2::ErrorBadNamedCapture:
        return "invalid named capture";
    case RE2::ErrorPatternTooLarge:
        return TOO_LARGE;
    }
    return "internal error";
}

/* ---- the C interface ------------------------------------------------------- */

static int compile(StringPiece pattern, struct topic_regex **out, struct err *err)
{
    RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(MEMORY_MAX);
    std::string translated;
    if (pattern.size() > PATTERN_MAX ||
        count_unicode_classes(pattern) > UNICODE_CLASSES_MAX)
        return err_set(err, ERR_INVALID, "%s", TOO_LARGE);
    if (!translate(pattern, &translated))
        return err_set(err, ERR_INVALID, "%s", BAD_ESCAPE);
    struct topic_regex *r = new topic_regex(translated, options);
    if (!r->re.ok()) {
        int rc = err_set(err, ERR_INVALID, "%s", words_for(r->re.error_code()));
        delete r;
        return rc;
    }
    *out = r;
    return 0;
}

int topic_regex_compile(struct str pattern, struct topic_regex **out, struct err *err)
{
    try {
        return compile(StringPiece(pattern.data, (size_t)pattern.len), out, err);
    } catch (const std::bad_alloc &) {
        return err_nomem(err);
    }
}

bool topic_regex_matches(const struct topic_regex *r, struct str topic)
{
    try {
        return RE2::FullMatch(StringPiece(topic.data, (size_t)topic.len), r->re);
    } catch (const std::bad_alloc &) {
        r->failed = true;
        return false;
    }
}

bool topic_regex_failed(const struct topic_regex *r)
{
    return r->failed;
}

void topic_regex_destroy(struct topic_regex *r)
{
    delete r;
}
