/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the configuration file and sets values by the table of options.c. An unknown section or
 * key and a bad value are errors that name file, line and what is allowed.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "advertise.h"
#include "identities.h"
#include "ini.h"
#include "node_settings.h"
#include "tls_front.h"
#include "values.h"

static void *field(struct config *config, const struct option *option)
{
    return (char *)config + option->offset;
}

static const void *const_field(const struct config *config, const struct option *option)
{
    return (const char *)config + option->offset;
}

/* What the option takes, in words. */
static void describe(const struct option *option, char *out, size_t size)
{
    size_t len = 0;

    switch (option->kind) {
    case OPTION_WORD:
        for (size_t i = 0; option->words[i] != NULL && len < size; i++)
            len += (size_t)snprintf(out + len, size - len, "%s%s", i > 0 ? ", " : "",
                                    option->words[i]);
        break;
    case OPTION_BOOL:
        snprintf(out, size, "yes or no");
        break;
    case OPTION_INT:
        snprintf(out, size, "a number from %lld to %lld", (long long)option->min,
                 (long long)option->max);
        break;
    case OPTION_SIZE:
        snprintf(out, size, "bytes from %lld to %lld, also with k, m or g", (long long)option->min,
                 (long long)option->max);
        break;
    case OPTION_TIME:
        snprintf(out, size, "a time from %lldms to %llds, such as 500ms, 10s, 5min or 1h%s",
                 (long long)(option->min / 1000), (long long)(option->max / 1000000),
                 option->flags & OPTION_NEVER ? "; or off" : "");
        break;
    case OPTION_ADDRESS:
        snprintf(out, size, "ADDR:PORT, [V6ADDR]:PORT or *:PORT, at most %d times; or none",
                 CONFIG_MAX_ADDRESSES);
        break;
    default:
        snprintf(out, size, "text");
        break;
    }
}

static int set_address(struct address_list *list, const char *text, int source)
{
    struct address made;

    if (strcasecmp(text, "none") == 0) {
        list->count = 0;
        list->source = source;
        return 0;
    }
    if (value_address(text, &made) != 0)
        return -1;
    if (list->source != source)
        list->count = 0;
    if (list->count == CONFIG_MAX_ADDRESSES)
        return -1;
    list->item[list->count++] = made;
    list->source = source;
    return 0;
}

static int set_number(int64_t *out, const struct option *option, const char *text)
{
    int64_t value = 0;
    int rc = -1;

    if ((option->flags & OPTION_NEVER) != 0 && strcasecmp(text, "off") == 0) {
        *out = -1;
        return 0;
    }
    if (option->kind == OPTION_BOOL)
        rc = value_bool(text, &value);
    else if (option->kind == OPTION_WORD)
        rc = value_word(text, option->words, &value);
    else if (option->kind == OPTION_INT)
        rc = value_int(text, &value);
    else if (option->kind == OPTION_SIZE)
        rc = value_size(text, &value);
    else if (option->kind == OPTION_TIME)
        rc = value_time(text, &value);
    if (rc != 0)
        return -1;
    if (option->kind != OPTION_BOOL && option->kind != OPTION_WORD &&
        (value < option->min || value > option->max))
        return -1;
    *out = value;
    return 0;
}

int option_set(struct config *config, const struct option *option, const char *text, int source,
               struct complaint *why)
{
    char allowed[256] = "";
    int rc;

    if (option->kind == OPTION_TEXT) {
        char *copy = strdup(text);

        if (copy == NULL)
            return -1;
        free(*(char **)field(config, option));
        *(char **)field(config, option) = copy;
        return 0;
    }
    rc = option->kind == OPTION_ADDRESS ? set_address(field(config, option), text, source)
                                        : set_number(field(config, option), option, text);
    if (rc == 0)
        return 0;
    describe(option, allowed, sizeof(allowed));
    snprintf(why->text, sizeof(why->text), "bad value \"%.100s\" for %s; allowed: %s", text,
             option->key, allowed);
    return -1;
}

const struct option *option_find(const char *section, const char *key)
{
    for (size_t i = 0; i < option_count; i++)
        if ((section == NULL || strcmp(option_table[i].section, section) == 0) &&
            strcmp(option_table[i].key, key) == 0)
            return &option_table[i];
    return NULL;
}

struct config *config_new(void)
{
    struct config *config = calloc(1, sizeof(*config));
    struct complaint why;

    if (config == NULL)
        return NULL;
    for (size_t i = 0; i < option_count; i++)
        if (option_set(config, &option_table[i], option_table[i].fallback, SOURCE_DEFAULT, &why) !=
            0) {
            fprintf(stderr, "mcmp-server: %s\n", why.text);
            config_free(config);
            return NULL;
        }
    return config;
}

void config_free(struct config *config)
{
    if (config == NULL)
        return;
    for (size_t i = 0; i < option_count; i++)
        if (option_table[i].kind == OPTION_TEXT)
            free(*(char **)field(config, &option_table[i]));
    identities_free(config->identities);
    node_settings_free(config->node_settings);
    free(config);
}

/* "listen, management" of the keys of a section, or of the sections when it is NULL. */
static void list_names(const char *section, char *out, size_t size)
{
    const char *last = "";
    size_t len = 0;

    out[0] = '\0';
    for (size_t i = 0; i < option_count && len < size; i++) {
        const struct option *option = &option_table[i];
        const char *name = section != NULL ? option->key : option->section;

        if ((section != NULL && strcmp(option->section, section) != 0) || strcmp(name, last) == 0)
            continue;
        last = name;
        len += (size_t)snprintf(out + len, size - len, "%s%s", len > 0 ? ", " : "", name);
    }
}

static int on_pair(void *ctx, const char *section, const char *key, const char *value,
                   struct complaint *why)
{
    struct config *config = ctx;
    const struct option *option;
    char names[400];

    if (key == NULL) {
        for (size_t i = 0; i < option_count; i++)
            if (strcmp(option_table[i].section, section) == 0)
                return 0;
        list_names(NULL, names, sizeof(names));
        snprintf(why->text, sizeof(why->text), "unknown section [%.40s]; allowed: %s", section,
                 names);
        return -1;
    }
    option = option_find(section, key);
    if (option != NULL)
        return option_set(config, option, value, SOURCE_FILE, why);
    list_names(section, names, sizeof(names));
    snprintf(why->text, sizeof(why->text), "unknown key \"%.40s\" in [%.40s]; allowed: %s", key,
             section, names);
    return -1;
}

int config_read(struct config *config, const char *path, struct complaint *why)
{
    FILE *file = fopen(path, "re");
    int rc;

    if (file == NULL) {
        snprintf(why->text, sizeof(why->text), "%.200s: %s", path, strerror(errno));
        return -1;
    }
    rc = ini_read(file, path, on_pair, config, why);
    fclose(file);
    return rc;
}

static int check_whole(const struct config *config, struct complaint *why)
{
    const char *text = NULL;

    if (config->listen.count + config->tls_listen.count + config->management.count +
            config->tls_management.count ==
        0)
        text = "nothing to listen on: give listen, tls-listen, management or tls-management";
    else if (config->tls_listen.count > 0 && config->tls_certificate[0] == '\0')
        text = "tls-listen needs a tls-certificate";
    else if (config->tls_management.count > 0 && config->tls_certificate[0] == '\0')
        text = "tls-management needs a tls-certificate";
    else if (config->identities_file[0] != '\0' && config->management_client_ca[0] == '\0')
        text = "identities needs a management-client-ca: without one nobody has an identity";
    else if (config->max_target > config->max_head)
        text = "max-target is greater than max-head";
    if (text == NULL && config->tls_ca[0] != '\0' && access(config->tls_ca, R_OK) != 0)
        snprintf(why->text, sizeof(why->text), "can't read %.300s for tls-ca: %s", config->tls_ca,
                 strerror(errno));
    else if (text == NULL)
        return 0;
    else
        snprintf(why->text, sizeof(why->text), "%s", text);
    return -1;
}

int config_check(struct config *config, struct complaint *why)
{
    if (check_whole(config, why) != 0 || tls_front_check(config, why) != 0 ||
        advertise_check(config, why) != 0)
        return -1;
    if (config->identities_file[0] != '\0') {
        config->identities = identities_read(config->identities_file, why);
        if (config->identities == NULL)
            return -1;
    }
    if (config->node_settings_file[0] == '\0')
        return 0;
    config->node_settings = node_settings_read(config->node_settings_file, why);
    return config->node_settings != NULL ? 0 : -1;
}

static int same(const struct config *a, const struct config *b, const struct option *option)
{
    const void *x = const_field(a, option);
    const void *y = const_field(b, option);

    if (option->kind == OPTION_TEXT)
        return strcmp(*(char *const *)x, *(char *const *)y) == 0;
    if (option->kind == OPTION_ADDRESS) {
        const struct address_list *l = x;
        const struct address_list *m = y;

        return l->count == m->count &&
               memcmp(l->item, m->item, sizeof(l->item[0]) * (size_t)l->count) == 0;
    }
    return *(const int64_t *)x == *(const int64_t *)y;
}

const char *config_fixed_change(const struct config *a, const struct config *b, size_t *at)
{
    for (; *at < option_count; (*at)++)
        if ((option_table[*at].flags & OPTION_FIXED) != 0 && !same(a, b, &option_table[*at]))
            return option_table[(*at)++].key;
    return NULL;
}

void config_keep_fixed(struct config *config, const struct config *from)
{
    for (size_t i = 0; i < option_count; i++) {
        const struct option *option = &option_table[i];

        if ((option->flags & OPTION_FIXED) == 0)
            continue;
        if (option->kind == OPTION_TEXT) {
            char *copy = strdup(*(char *const *)const_field(from, option));

            if (copy == NULL)
                continue; /* the old text is only shown */
            free(*(char **)field(config, option));
            *(char **)field(config, option) = copy;
        } else if (option->kind == OPTION_ADDRESS) {
            memcpy(field(config, option), const_field(from, option), sizeof(struct address_list));
        } else {
            memcpy(field(config, option), const_field(from, option), sizeof(int64_t));
        }
    }
}

static void print_value(const struct config *config, const struct option *option, FILE *out)
{
    const void *at = const_field(config, option);

    if (option->kind == OPTION_TEXT) {
        fprintf(out, "%s = %s\n", option->key, *(char *const *)at);
    } else if (option->kind == OPTION_ADDRESS) {
        const struct address_list *list = at;

        for (int64_t i = 0; i < list->count; i++) {
            char text[64];

            value_address_text((const struct sockaddr *)&list->item[i].addr, text);
            fprintf(out, "%s = %s\n", option->key, text);
        }
        if (list->count == 0)
            fprintf(out, "%s = none\n", option->key);
    } else {
        int64_t value = *(const int64_t *)at;

        if (value < 0 && (option->flags & OPTION_NEVER) != 0)
            fprintf(out, "%s = off\n", option->key);
        else if (option->kind == OPTION_BOOL)
            fprintf(out, "%s = %s\n", option->key, value ? "yes" : "no");
        else if (option->kind == OPTION_WORD)
            fprintf(out, "%s = %s\n", option->key, option->words[value]);
        else
            fprintf(out, "%s = %lld%s\n", option->key, (long long)value,
                    option->kind == OPTION_TIME ? "us" : "");
    }
}

void config_print(const struct config *config, FILE *out)
{
    const char *section = "";

    for (size_t i = 0; i < option_count; i++) {
        if (strcmp(section, option_table[i].section) != 0) {
            fprintf(out, "%s[%s]\n", section[0] != '\0' ? "\n" : "", option_table[i].section);
            section = option_table[i].section;
        }
        print_value(config, &option_table[i], out);
    }
}
