#include "config/broker_config_internal.h"

/* Escapes only what would not be read back: listeners shall look like listeners,
 * which properties_append() would not leave them. */
static void print_value(const struct setting *setting, struct str value,
                        struct buf *out)
{
    if (setting->type == SETTING_PASSWORD)
        value = STR_LITERAL("[hidden]");
    buf_printf(out, "%s=", setting->name);
    for (int32_t i = 0; i < value.len; i++) {
        char c = value.data[i];
        if (c == '\n' || c == '\r')
            buf_printf(out, "\\%c", c == '\n' ? 'n' : 'r');
        else
            buf_printf(out, "%s%c", c == '\\' ? "\\" : "", c);
    }
    buf_append(out, "\n", 1);
}

static const char *shown_default(const struct setting *setting)
{
    if (setting->required)
        return "(none, it must be set)";
    return setting->default_value == NULL ? "(null)" : setting->default_value;
}

/* The settings whose value in force comes from `source`. */
static void print_source(const struct broker_config *config, enum setting_source source,
                         const char *heading, struct buf *out)
{
    bool any = false;
    for (size_t i = 0; i < broker_settings.count; i++) {
        const struct setting *setting = &broker_settings.items[i];
        enum setting_source from;
        struct str value = config_layers_effective(config->layers, setting, &from);
        /* Where nobody said anything, what has no effect does not matter. */
        bool matters = from > SETTING_SOURCE_DEFAULT ||
                       (broker_fields_honour(setting) && value.data != NULL);
        if (from != source || !matters)
            continue;
        if (!any)
            buf_printf(out, "%s# %s\n", out->len == 0 ? "" : "\n", heading);
        any = true;
        if (source == SETTING_SOURCE_PROFILE)
            buf_printf(out, "# Kafka's default: %s\n", shown_default(setting));
        else if (!broker_fields_honour(setting))
            buf_printf(out, "# without effect here\n");
        print_value(setting, value, out);
    }
}

void broker_config_print(const struct broker_config *config, struct buf *out)
{
    print_source(config, SETTING_SOURCE_DYNAMIC_BROKER,
                 "Changed at runtime for this broker", out);
    print_source(config, SETTING_SOURCE_DYNAMIC_DEFAULT,
                 "Changed at runtime for every broker", out);
    print_source(config, SETTING_SOURCE_COMMAND_LINE, "From the command line", out);
    print_source(config, SETTING_SOURCE_FILE, "From the file", out);
    print_source(config, SETTING_SOURCE_PROFILE,
                 config->profile == PROFILE_DEV ? "From the profile dev"
                                                : "From the profile kafka",
                 out);
    print_source(config, SETTING_SOURCE_DEFAULT, "Kafka's defaults", out);
}
