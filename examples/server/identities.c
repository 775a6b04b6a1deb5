/* SPDX-License-Identifier: Apache-2.0 */
/* The file of identities, see identities.h. */
#include "identities.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ini.h"

#define MOST 4096u

static int fail(struct complaint *why, const char *text, const char *what)
{
    snprintf(why->text, sizeof(why->text), text, what);
    return -1;
}

static char *copy_of(const char *text, mcmp_span *out)
{
    char *copy = strdup(text);

    out->ptr = copy;
    out->len = copy != NULL ? strlen(copy) : 0;
    return copy;
}

static int add(struct identities *list, const char *routes, const char *subject)
{
    mcmp_pair *item = list->item;

    if ((list->count & (list->count - 1)) == 0) { /* 0, 1, 2, 4 ..: full */
        item = realloc(item, (list->count == 0 ? 1 : list->count * 2) * sizeof(*item));
        if (item == NULL)
            return -1;
        list->item = item;
    }
    item += list->count;
    memset(item, 0, sizeof(*item));
    list->count++; /* half a pair is freed like a whole one */
    return copy_of(subject, &item->name) != NULL && copy_of(routes, &item->value) != NULL ? 0 : -1;
}

static int on_pair(void *ctx, const char *section, const char *key, const char *value,
                   struct complaint *why)
{
    struct identities *list = ctx;

    if (strcmp(section, "identities") != 0)
        return fail(why, "unknown section [%.100s]; allowed: identities", section);
    if (key == NULL)
        return 0;
    if (key[0] == '\0' || value[0] == '\0')
        return fail(why, "expected ROUTES = SUBJECT%s", "");
    if (list->count == MOST)
        return fail(why, "more than 4096 identities%s", "");
    return add(list, key, value) == 0 ? 0 : fail(why, "no memory%s", "");
}

struct identities *identities_read(const char *path, struct complaint *why)
{
    struct identities *list = calloc(1, sizeof(*list));
    FILE *file = fopen(path, "re");
    int rc = -1;

    if (file == NULL)
        snprintf(why->text, sizeof(why->text), "can't read %.300s for identities: %s", path,
                 strerror(errno));
    else if (list == NULL)
        (void)fail(why, "no memory%s", "");
    else
        rc = ini_read(file, path, on_pair, list, why);
    if (rc == 0 && list->count == 0)
        rc = fail(why, "%.300s names no identity: nobody could manage anything", path);
    if (file != NULL)
        fclose(file);
    if (rc == 0)
        return list;
    identities_free(list);
    return NULL;
}

void identities_free(struct identities *list)
{
    if (list == NULL)
        return;
    for (size_t i = 0; i < list->count; i++) {
        free((void *)(uintptr_t)list->item[i].name.ptr);
        free((void *)(uintptr_t)list->item[i].value.ptr);
    }
    free(list->item);
    free(list);
}
