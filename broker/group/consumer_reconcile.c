#include "broker/group/consumer_reconcile.h"

#include <stdlib.h>

static bool is_subscribed(const struct reconciliation *r, struct uuid topic_id)
{
    int32_t low = 0, high = r->subscribed.count;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        int order = memcmp(r->subscribed.items[middle].bytes, topic_id.bytes,
                           sizeof(topic_id.bytes));
        if (order == 0)
            return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

/* Whether the member still owns any of these. One that does not say may. */
static bool owns_any(const struct reconciliation *r, const struct partition_set *these)
{
    if (r->owned == NULL)
        return true;
    for (int32_t i = 0; i < these->count; i++) {
        const struct topic_partition *p = &these->items[i];
        if (partition_set_find(r->owned, p->topic_id, p->partition) != NULL)
            return true;
    }
    return false;
}

/* ---- the subscription alone has changed ---------------------------------- */

static bool needs_no_update(const struct reconciliation *r)
{
    for (int32_t i = 0; i < r->current->assigned.count; i++) {
        if (!is_subscribed(r, r->current->assigned.items[i].topic_id))
            return false;
    }
    return true;
}

/* What it is no longer subscribed to is to be given up; all else stays. */
static bool update(const struct reconciliation *r, struct member_assignment *out)
{
    const struct partition_set *had = &r->current->assigned;
    if (needs_no_update(r))
        return member_assignment_copy(r->current, out);
    bool ok =
        partition_set_copy(&r->current->pending_revocation, &out->pending_revocation);
    for (int32_t i = 0; ok && i < had->count; i++)
        ok = partition_set_append(is_subscribed(r, had->items[i].topic_id)
                                      ? &out->assigned
                                      : &out->pending_revocation,
                                  had->items[i]);
    partition_set_sort(&out->assigned);
    partition_set_sort(&out->pending_revocation);
    out->previous_member_epoch = out->member_epoch = r->current->member_epoch;
    out->state = MEMBER_UNREVOKED_PARTITIONS;
    if (owns_any(r, &out->pending_revocation))
        return ok;
    /* They are given up already. */
    partition_set_free(&out->pending_revocation);
    out->state = r->current->state;
    return ok && partition_set_copy(&r->current->pending_revocation,
                                    &out->pending_revocation);
}

/* ---- the next step -------------------------------------------------------- */

struct step {
    const struct reconciliation *r;
    struct member_assignment *out;
    struct partition_set pending_assignment;
    bool unreleased;
};

/* Of what it has, it keeps what is in its target, and is to give up the rest. */
static bool split_assigned(struct step *s)
{
    const struct partition_set *had = &s->r->current->assigned;
    bool ok = true;
    for (int32_t i = 0; ok && i < had->count; i++) {
        const struct topic_partition *p = &had->items[i];
        bool keeps =
            is_subscribed(s->r, p->topic_id) &&
            partition_set_find(s->r->target, p->topic_id, p->partition) != NULL;
        ok = partition_set_append(
            keeps ? &s->out->assigned : &s->out->pending_revocation, *p);
    }
    return ok;
}

/* Held by somebody, and not by the member itself, which is giving it up. */
static bool is_unreleased(const struct step *s, const struct topic_partition *p)
{
    return consumer_group_owner(s->r->group, p->topic_id, p->partition) != NULL &&
           partition_set_find(&s->r->current->pending_revocation, p->topic_id,
                              p->partition) == NULL;
}

static bool find_pending_assignment(struct step *s)
{
    const struct partition_set *target = s->r->target;
    bool ok = true;
    for (int32_t i = 0; ok && i < target->count; i++) {
        struct topic_partition p = target->items[i];
        if (!is_subscribed(s->r, p.topic_id) ||
            partition_set_find(&s->r->current->assigned, p.topic_id, p.partition) !=
                NULL)
            continue;
        if (is_unreleased(s, &p)) {
            s->unreleased = true;
            continue;
        }
        p.epoch = s->r->assignment_epoch;
        ok = partition_set_append(&s->pending_assignment, p);
    }
    return ok;
}

static bool advance(struct step *s)
{
    struct member_assignment *out = s->out;
    bool ok = true;
    partition_set_free(&out->pending_revocation);
    for (int32_t i = 0; ok && i < s->pending_assignment.count; i++)
        ok = partition_set_append(&out->assigned, s->pending_assignment.items[i]);
    partition_set_sort(&out->assigned);
    out->member_epoch = s->r->assignment_epoch;
    out->state = s->unreleased ? MEMBER_UNRELEASED_PARTITIONS : MEMBER_STABLE;
    return ok;
}

static bool next(const struct reconciliation *r, int32_t member_epoch,
                 struct member_assignment *out)
{
    struct step s = {.r = r, .out = out};
    out->member_epoch = member_epoch;
    out->previous_member_epoch = r->current->member_epoch;
    bool ok = split_assigned(&s) && find_pending_assignment(&s);
    if (out->pending_revocation.count > 0 && owns_any(r, &out->pending_revocation))
        out->state = MEMBER_UNREVOKED_PARTITIONS;
    else
        ok = ok && advance(&s);
    partition_set_free(&s.pending_assignment);
    return ok;
}

/* ---- what is due ----------------------------------------------------------- */

static bool reconcile(const struct reconciliation *r, struct member_assignment *out)
{
    const struct member_assignment *is = r->current;
    bool at_rest =
        is->state == MEMBER_STABLE && is->member_epoch == r->assignment_epoch;
    bool holds_on = is->state == MEMBER_UNREVOKED_PARTITIONS &&
                    owns_any(r, &is->pending_revocation);
    if (!at_rest && !holds_on)
        return next(
            r, is->state == MEMBER_UNKNOWN ? r->assignment_epoch : is->member_epoch,
            out);
    return r->subscription_changed ? update(r, out) : member_assignment_copy(is, out);
}

enum kafka_error consumer_reconcile(const struct reconciliation *r,
                                    struct member_assignment *out)
{
    if (r->current->state == MEMBER_UNKNOWN &&
        (r->owned == NULL || r->owned->count > 0))
        return KAFKA_FENCED_MEMBER_EPOCH;
    return reconcile(r, out) ? KAFKA_NONE : KAFKA_UNKNOWN_SERVER_ERROR;
}

static bool same_epochs(const struct partition_set *a, const struct partition_set *b)
{
    for (int32_t i = 0; i < a->count; i++) {
        if (a->items[i].epoch != b->items[i].epoch)
            return false;
    }
    return true;
}

bool member_assignment_equal(const struct member_assignment *a,
                             const struct member_assignment *b)
{
    return a->member_epoch == b->member_epoch &&
           a->previous_member_epoch == b->previous_member_epoch &&
           a->state == b->state && partition_set_equal(&a->assigned, &b->assigned) &&
           partition_set_equal(&a->pending_revocation, &b->pending_revocation) &&
           same_epochs(&a->assigned, &b->assigned) &&
           same_epochs(&a->pending_revocation, &b->pending_revocation);
}
