#include "broker/ready_file.h"

#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

#include "storage/disk.h"

int ready_file_write(const char *path, const struct gregor *g, char *error)
{
    struct disk disk = {.ops = &disk_system_ops};
    struct err err = {0};
    int rc = -1;
    json_t *facts = json_pack("{s:s, s:s, s:i, s:s}", "bootstrap", gregor_bootstrap(g),
                              "data", gregor_data_dir(g), "pid", (int)getpid(),
                              "version", gregor_version());
    char *text = facts == NULL ? NULL : json_dumps(facts, JSON_COMPACT);
    json_decref(facts);
    if (text == NULL)
        err_set(&err, ERR_NOMEM, "the facts cannot be written as JSON");
    else
        rc = disk_write_file_atomically(&disk, path, text, strlen(text), &err);
    free(text);
    if (rc != 0)
        snprintf(error, GREGOR_ERROR_SIZE, "--ready-file %s: %s", path, err.message);
    return rc == 0 ? 0 : -1;
}
