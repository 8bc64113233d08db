#include "tools/options.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/buf.h"

static int read_number(const struct option *o, const char *text, struct err *err)
{
    char *end;
    long value = strtol(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || value > INT32_MAX)
        return err_set(err, ERR_INVALID, "%s wants a number from 0 to %d, not '%s'",
                       o->name, INT32_MAX, text);
    *o->number = (int32_t)value;
    return 0;
}

/* "error, warn, info or debug" */
static int refuse_choice(const struct option *o, const char *text, struct err *err)
{
    struct buf words = BUF_INIT;
    for (int i = 0; o->choices[i] != NULL; i++) {
        bool last = o->choices[i + 1] == NULL;
        buf_printf(&words, "%s%s", i == 0 ? "" : last ? " or " : ", ", o->choices[i]);
    }
    int rc = words.failed ? err_nomem(err)
                          : err_set(err, ERR_INVALID, "%s is %.*s, not '%s'", o->name,
                                    (int)words.len, (char *)words.data, text);
    buf_free(&words);
    return rc;
}

static int read_choice(const struct option *o, const char *text, struct err *err)
{
    for (int i = 0; o->choices[i] != NULL; i++) {
        if (strcmp(text, o->choices[i]) == 0) {
            *o->choice = i;
            return 0;
        }
    }
    return refuse_choice(o, text, err);
}

static int take_value(const struct option *o, const char *value, struct err *err)
{
    switch (o->kind) {
    case OPTION_FLAG:
        return 0;
    case OPTION_LIST:
        o->list[(*o->count)++] = value;
        return 0;
    case OPTION_NUMBER:
        return read_number(o, value, err);
    case OPTION_CHOICE:
        return read_choice(o, value, err);
    case OPTION_TEXT:
        if (*o->text != NULL)
            return err_set(err, ERR_INVALID, "%s is given twice", o->name);
        *o->text = value;
    }
    return 0;
}

static const struct option *find(const struct option *options, const char *name,
                                 size_t len)
{
    for (; options->name != NULL; options++) {
        if (strlen(options->name) == len && memcmp(options->name, name, len) == 0)
            return options;
    }
    return NULL;
}

/* One option with its value; *took: how many arguments that was. */
static int read_option(const struct option *options, char **argv, int *took,
                       struct err *err)
{
    const char *equals = strchr(argv[0], '=');
    size_t len = equals == NULL ? strlen(argv[0]) : (size_t)(equals - argv[0]);
    const struct option *o = find(options, argv[0], len);
    *took = 1;
    if (o == NULL)
        return err_set(err, ERR_INVALID, "unknown option '%s'; --help lists them",
                       argv[0]);
    if (o->kind == OPTION_FLAG) {
        if (equals != NULL)
            return err_set(err, ERR_INVALID, "%s takes no value", o->name);
        *o->flag = true;
        return 0;
    }
    const char *value = equals != NULL ? equals + 1 : argv[1];
    if (value == NULL)
        return err_set(err, ERR_INVALID, "%s wants a value", o->name);
    if (equals == NULL)
        *took = 2;
    return take_value(o, value, err);
}

int options_read(const struct option *options, int argc, char **argv,
                 const char **operands, size_t *operand_count, struct err *err)
{
    for (int i = 1; i < argc;) {
        int took = 1;
        int rc = 0;
        if (operands != NULL && argv[i][0] != '-')
            operands[(*operand_count)++] = argv[i];
        else
            rc = read_option(options, argv + i, &took, err);
        if (rc != 0)
            return rc;
        i += took;
    }
    return 0;
}
