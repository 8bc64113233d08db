#include "tests/support/group_text.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "broker/group/consumer_group_internal.h"

/* Lines that are sorted before they are joined: hash tables have no order. */
struct lines {
    char **items;
    size_t count, cap;
};

static void add_line(struct lines *l, char *line)
{
    if (l->count == l->cap) {
        l->cap = l->cap == 0 ? 64 : l->cap * 2;
        l->items = realloc(l->items, l->cap * sizeof(*l->items));
        ck_assert_ptr_nonnull(l->items);
    }
    l->items[l->count++] = line;
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *join_lines(struct lines *l)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    ck_assert_ptr_nonnull(out);
    if (l->count > 0)
        qsort(l->items, l->count, sizeof(*l->items), compare_lines);
    for (size_t i = 0; i < l->count; i++) {
        fprintf(out, "%s\n", l->items[i]);
        free(l->items[i]);
    }
    free(l->items);
    fclose(out);
    return text;
}

/* One line, written with fprintf(). */
struct line {
    char *text;
    size_t size;
    FILE *out;
};

static FILE *begin_line(struct line *line, struct str group)
{
    *line = (struct line){0};
    line->out = open_memstream(&line->text, &line->size);
    ck_assert_ptr_nonnull(line->out);
    fprintf(line->out, "%.*s ", STR_ARGS(group));
    return line->out;
}

static void end_line(struct line *line, struct lines *l)
{
    fclose(line->out);
    add_line(l, line->text);
}

/* ---- consumer groups ----------------------------------------------------- */

static void write_set(FILE *out, const char *name, const struct partition_set *s,
                      bool with_epochs)
{
    fprintf(out, " %s", name);
    for (int32_t i = 0; i < s->count; i++) {
        char id[UUID_TEXT_SIZE];
        fprintf(out, " %s-%d", uuid_text(s->items[i].topic_id, id),
                s->items[i].partition);
        if (with_epochs)
            fprintf(out, "@%d", s->items[i].epoch);
    }
}

static void write_bytes(FILE *out, struct bytes b)
{
    for (int32_t i = 0; i < b.len; i++)
        fprintf(out, "%02x", b.data[i]);
}

static void write_member(const struct consumer_member *m, struct str group,
                         struct lines *l)
{
    struct line line;
    FILE *out = begin_line(&line, group);
    fprintf(out, "member %.*s present %d target %d", STR_ARGS(m->id), m->present,
            m->has_target);
    write_set(out, "is", &m->target, false);
    if (m->present) {
        fprintf(out, " epoch %d previous %d state %d", m->current.member_epoch,
                m->current.previous_member_epoch, m->current.state);
        write_set(out, "has", &m->current.assigned, true);
        write_set(out, "gives up", &m->current.pending_revocation, true);
        fprintf(out, " says ");
        write_bytes(out, m->metadata);
    }
    end_line(&line, l);
}

static void write_owners(const struct consumer_group *g, struct lines *l)
{
    for (const struct partition_owner *o = g->owners; o != NULL; o = o->hh.next) {
        struct line line;
        char id[UUID_TEXT_SIZE];
        FILE *out = begin_line(&line, g->id);
        fprintf(out, "owner of %s-%d is %.*s", uuid_text(o->place.topic_id, id),
                o->place.partition, STR_ARGS(o->member->id));
        end_line(&line, l);
    }
}

static void write_regexes(const struct consumer_group *g, struct lines *l)
{
    for (const struct group_regex *r = g->regexes; r != NULL; r = r->hh.next) {
        struct line line;
        FILE *out = begin_line(&line, g->id);
        fprintf(out, "regex %.*s version %lld at %lld", STR_ARGS(r->pattern),
                (long long)r->version, (long long)r->timestamp);
        for (int32_t i = 0; i < r->topic_count; i++)
            fprintf(out, " %.*s", STR_ARGS(r->topics[i]));
        end_line(&line, l);
    }
}

static void write_consumer(const struct consumer_group *g, struct lines *l)
{
    struct line line;
    FILE *out = begin_line(&line, g->id);
    fprintf(out, "consumer epoch %d hash %lld assignment epoch %d at %lld members %d",
            g->group_epoch, (long long)g->metadata_hash, g->assignment_epoch,
            (long long)g->assignment_timestamp, g->member_count);
    end_line(&line, l);
    for (const struct consumer_member *m = g->members; m != NULL; m = m->hh.next)
        write_member(m, g->id, l);
    write_owners(g, l);
    write_regexes(g, l);
}

/* ---- classic groups ------------------------------------------------------ */

static void write_classic_member(const struct classic_group *g,
                                 const struct classic_member *m, struct lines *l)
{
    struct line line;
    FILE *out = begin_line(&line, g->id);
    fprintf(out, "member %.*s instance %.*s session %d rebalance %d has ",
            STR_ARGS(m->id), STR_ARGS(m->instance_id), m->session_timeout_ms,
            m->rebalance_timeout_ms);
    write_bytes(out, m->assignment);
    fprintf(out, " says ");
    write_bytes(out, classic_member_metadata(m, g->protocol_name));
    end_line(&line, l);
}

static void write_classic(const struct classic_group *g, struct lines *l)
{
    struct line line;
    FILE *out = begin_line(&line, g->id);
    fprintf(out, "classic %s generation %d protocol %.*s %.*s leader %.*s",
            classic_state_name(g->state), g->generation_id, STR_ARGS(g->protocol_type),
            STR_ARGS(g->protocol_name),
            STR_ARGS(g->leader == NULL ? STR_LITERAL("") : g->leader->id));
    end_line(&line, l);
    for (const struct classic_member *m = g->members; m != NULL; m = m->hh.next)
        write_classic_member(g, m, l);
}

/* ---- all of them --------------------------------------------------------- */

static void write_offsets(const struct group *g, struct lines *l)
{
    for (int32_t t = 0; t < g->offsets.count; t++) {
        const struct offset_topic *topic = g->offsets.topics[t];
        for (int32_t i = 0; i < topic->count; i++) {
            struct line line;
            FILE *out = begin_line(&line, group_id(g));
            fprintf(out, "offset of %.*s-%d %lld", STR_ARGS(offset_topic_name(topic)),
                    topic->items[i].partition, (long long)topic->items[i].offset);
            end_line(&line, l);
        }
    }
}

char *group_table_text(const struct group_table *t, bool with_classic)
{
    struct lines lines = {0};
    for (const struct group *g = t->groups; g != NULL; g = g->hh.next) {
        struct line line;
        FILE *out = begin_line(&line, group_id(g));
        fprintf(out, "is %s", group_kind_name(g->kind));
        end_line(&line, &lines);
        if (g->consumer != NULL)
            write_consumer(g->consumer, &lines);
        if (g->classic != NULL && with_classic)
            write_classic(g->classic, &lines);
        write_offsets(g, &lines);
    }
    return join_lines(&lines);
}
