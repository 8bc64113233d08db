/* broker/group/classic_group_internal.h
 *
 * What the files of the classic group share. Loop thread. */
#ifndef GREGOR_BROKER_GROUP_CLASSIC_GROUP_INTERNAL_H
#define GREGOR_BROKER_GROUP_CLASSIC_GROUP_INTERNAL_H

#include "broker/group/classic_group.h"

struct pending_member {
    UT_hash_handle hh;
    struct classic_group *group;
    struct deadline session;
    int32_t id_len;
    char id[];
};

/* A group's own write. */
struct classic_store {
    struct group_write base;     /* first: its callback casts back */
    struct classic_group *group; /* NULL: it is gone */
    int32_t generation_id;
    struct classic_store *next; /* of the group */
};

/* Owned copies; false, and *out as it was, without memory. Null stays null. */
bool owned_str(struct str s, struct str *out);
bool owned_bytes(struct bytes b, struct bytes *out);

/* ---- members (classic_member.c) ---- */

typedef struct join_group_request_join_group_request_protocol join_protocol;

struct classic_member *classic_member_create(struct classic_group *g, struct str id,
                                             struct str instance_id);
void classic_member_destroy(struct classic_member *m);
bool classic_member_set_protocols(struct classic_member *m,
                                  const join_protocol *protocols, int32_t count);
bool classic_member_matches(const struct classic_member *m,
                            const join_protocol *protocols, int32_t count);
bool classic_member_supports(const struct classic_member *m, struct str protocol);

/* Ends the member's wait, if it waits. */
void classic_member_end_join(struct classic_member *m, const struct join_result *r);
void classic_member_end_sync(struct classic_member *m, const struct sync_result *r);

/* ---- membership (classic_member.c) ---- */

bool group_add_member(struct classic_group *g, struct classic_member *m);
/* Takes it out and frees it; whoever waits for it hears UNKNOWN_MEMBER_ID. */
void group_remove_member(struct classic_group *g, struct classic_member *m);
struct classic_member *group_static_member(const struct classic_group *g,
                                           struct str instance_id);
bool group_rename_member(struct classic_group *g, struct classic_member *m,
                         struct str id);
struct pending_member *group_pending(const struct classic_group *g, struct str id);
bool group_add_pending(struct classic_group *g, struct str id, int64_t timeout_ms);
void group_remove_pending(struct classic_group *g, struct pending_member *p);
enum kafka_error group_check_member(const struct classic_group *g, struct str member_id,
                                    struct str instance_id);
bool group_supports(const struct classic_group *g, struct str protocol_type,
                    const join_protocol *protocols, int32_t count);
struct str group_select_protocol(const struct classic_group *g);
void group_compute_subscribed(struct classic_group *g);

/* ---- rebalancing (classic_group.c) ---- */

void group_enter(struct classic_group *g, enum classic_state next);
int32_t group_rebalance_timeout_ms(const struct classic_group *g);
struct str group_leader_id(const struct classic_group *g);
void group_touch(struct classic_member *m, int64_t timeout_ms);
void group_prepare_rebalance(struct classic_group *g, const char *why);
void group_rebalance_or_complete(struct classic_group *g, const char *why);
void group_maybe_complete_join(struct classic_group *g);
void group_member_left(struct classic_group *g, const char *why);
bool group_all_joined(const struct classic_group *g);
void group_complete_join(struct classic_group *g);
struct join_result group_joined(const struct classic_group *g,
                                const struct classic_member *m, bool with_members);
/* Stores the group; `write` is told, and asks for the group with group_stored(): NULL
 * if it is gone. */
void group_store(struct classic_group *g, struct classic_store *store,
                 void (*done)(struct group_write *write, enum kafka_error error));
struct classic_group *group_stored(struct group_write *write);
void group_sync_member(struct classic_group *g, struct classic_member *m);

static inline struct join_result join_failed(enum kafka_error error,
                                             struct str member_id)
{
    return (struct join_result){.error = error,
                                .member_id = member_id,
                                .generation_id = -1,
                                .leader = STR_LITERAL("")};
}

#endif
