#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/sim.h"
#include "tests/support/group_text.h"

void sim_tell(const struct sim *s)
{
    const struct group *g = group_world_group(&s->world);
    char owned[400], assigned[400];
    printf("step %d: group is %s\n", s->step, g == NULL ? "none" : group_state_name(g));
    for (int i = 0; i < SIM_CLIENTS; i++) {
        const struct sim_client *c = &s->clients[i];
        printf("%s client %s %s: state %d epoch %d waits %d rejoins %d full %d told %d "
               "topics %x regex %s\n  owns %s\n  of %s\n",
               c->protocol == SIM_CONSUMER ? "consumer" : "classic", c->id, c->instance,
               c->state, c->epoch, c->waits != NULL, c->rejoins, c->full, c->told,
               c->topics, c->regex == NULL ? "none" : c->regex,
               group_world_text(&s->world, &c->owned, owned, sizeof(owned)),
               group_world_text(&s->world, &c->assigned, assigned, sizeof(assigned)));
    }
    char *text = group_table_text(&s->world.table, true);
    printf("%s", text);
    fflush(stdout);
    free(text);
}
