#include "broker/dynamic_config.h"

#include <stdio.h>

#include "protocol/messages.h"
#include "tests/support/check_main.h"

struct fixture {
    struct metadata_image *image;
    struct metadata_delta delta;
    struct broker_config *config;
    struct dynamic_config dynamic;
    struct trace trace;
    char traced[1024];
    int changed, done;
    struct err err;
};

/* The publisher's answer, which is the controller's elsewhere. */
struct metadata_publish_wait {
    struct fixture *f;
};

void metadata_publish_done(struct metadata_publish_wait *wait)
{
    wait->f->done++;
}

static void keep_line(const struct trace *trace, enum trace_level level,
                      const char *line)
{
    struct fixture *f = trace->context;
    (void)level;
    snprintf(f->traced, sizeof(f->traced), "%s", line);
}

static void on_changed(struct dynamic_config *d)
{
    ((struct fixture *)d->owner)->changed++;
}

static void start(struct fixture *f)
{
    dynamic_config_init(&f->dynamic, 7, f->image, f->config, &f->trace);
    f->dynamic.changed = on_changed;
    f->dynamic.owner = f;
}

static void open_fixture(struct fixture *f)
{
    struct broker_config_input input = {.profile = PROFILE_DEV};
    *f = (struct fixture){.trace = {TRACE_ERROR, keep_line, NULL}};
    f->trace.context = f;
    ck_assert_int_eq(broker_config_create(&input, &f->config, &f->err), 0);
    f->image = metadata_image_create(&f->err);
    ck_assert_ptr_nonnull(f->image);
}

static void close_fixture(struct fixture *f)
{
    dynamic_config_free(&f->dynamic);
    metadata_delta_clear(&f->delta);
    metadata_image_destroy(f->image);
    broker_config_destroy(f->config);
}

static void put(struct fixture *f, enum config_resource_type type, const char *resource,
                const char *name, const char *value)
{
    struct config_record message = {.resource_type = (int8_t)type,
                                    .resource_name = str_of(resource),
                                    .name = str_of(name),
                                    .value = str_of(value)};
    struct metadata_record record = {&config_record_type, 0, &message};
    ck_assert_int_eq(metadata_image_apply(f->image, &record, &f->delta, &f->err), 0);
}

static void put_broker(struct fixture *f, const char *resource, const char *name,
                       const char *value)
{
    put(f, CONFIG_RESOURCE_BROKER, resource, name, value);
}

static void publish(struct fixture *f)
{
    struct metadata_publish_wait wait = {f};
    int before = f->done;
    f->dynamic.publisher.publish(&f->dynamic.publisher, &f->delta, &wait);
    ck_assert_int_eq(f->done, before + 1);
    metadata_delta_clear(&f->delta);
}

START_TEST(what_the_image_says_holds_from_the_start)
{
    struct fixture f;
    open_fixture(&f);
    put_broker(&f, "7", "max.connections", "5");
    start(&f);
    ck_assert_int_eq(f.config->max_connections, 5);
    close_fixture(&f);
}
END_TEST

START_TEST(the_brokers_own_value_is_stronger_than_that_of_all)
{
    struct fixture f;
    open_fixture(&f);
    start(&f);
    int before = f.config->max_connections;
    put_broker(&f, "", "max.connections", "10");
    put_broker(&f, "8", "max.connections", "30"); /* another broker's */
    publish(&f);
    ck_assert_int_eq(f.config->max_connections, 10);
    put_broker(&f, "7", "max.connections", "20");
    publish(&f);
    ck_assert_int_eq(f.config->max_connections, 20);
    put_broker(&f, "7", "max.connections", NULL);
    publish(&f);
    ck_assert_int_eq(f.config->max_connections, 10);
    put_broker(&f, "", "max.connections", NULL);
    publish(&f);
    ck_assert_int_eq(f.config->max_connections, before);
    ck_assert_int_eq(f.changed, 4);
    close_fixture(&f);
}
END_TEST

START_TEST(changes_that_concern_no_broker_change_nothing)
{
    struct fixture f;
    open_fixture(&f);
    start(&f);
    put(&f, CONFIG_RESOURCE_TOPIC, "7", "max.connections", "5");
    publish(&f);
    ck_assert_int_eq(f.changed, 0);
    close_fixture(&f);
}
END_TEST

START_TEST(a_value_that_does_not_hold_leaves_the_others)
{
    struct fixture f;
    open_fixture(&f);
    start(&f);
    int before = f.config->max_connections;
    put_broker(&f, "7", "max.connections", "lots");
    put_broker(&f, "7", "max.connections.per.ip", "3");
    publish(&f);
    ck_assert_int_eq(f.config->max_connections, before);
    ck_assert_int_eq(f.config->max_connections_per_ip, 3);
    ck_assert_ptr_nonnull(strstr(f.traced, "max.connections"));
    close_fixture(&f);
}
END_TEST

GREGOR_TESTS("dynamic_config", what_the_image_says_holds_from_the_start,
             the_brokers_own_value_is_stronger_than_that_of_all,
             changes_that_concern_no_broker_change_nothing,
             a_value_that_does_not_hold_leaves_the_others)
