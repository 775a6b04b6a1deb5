/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mcmp-server: a reverse proxy whose nodes register themselves over MCMP. This file reads the
 * command line; every option of the configuration file is a flag too, and flags win.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libmcmp/libmcmp.h>

#include "acl.h"
#include "config.h"
#include "master.h"
#include "segment.h"

#define HELP_COLUMN 34
#define HELP_WIDTH 100

struct command_line {
    int argc;
    char **argv;
};

/* What is done instead of serving. */
struct action {
    const char *flag;
    int (*run)(const struct config *config);
};

struct run_mode {
    const struct action *action;
    int quit;
};

/* Words of text from column HELP_COLUMN on, wrapped. */
static void print_wrapped(const char *text)
{
    size_t column = HELP_COLUMN;
    const char *gap = "";

    while (*text != '\0') {
        size_t len = strcspn(text, " ");

        if (column + len > HELP_WIDTH) {
            printf("\n%*s", HELP_COLUMN, "");
            column = HELP_COLUMN;
            gap = "";
        }
        printf("%s%.*s", gap, (int)len, text);
        gap = " ";
        column += len + 1;
        text += len + (text[len] == ' ');
    }
    putchar('\n');
}

static void print_option(const struct option *option)
{
    char left[80];
    char words[160] = "";
    char text[640];
    size_t used = 0;
    int len;

    if (option->kind == OPTION_WORD) {
        used += (size_t)snprintf(words, sizeof(words), " [");
        for (size_t i = 0; option->words[i] != NULL && used < sizeof(words); i++)
            used += (size_t)snprintf(words + used, sizeof(words) - used, "%s%s", i > 0 ? "|" : "",
                                     option->words[i]);
        snprintf(words + used, sizeof(words) - used, "]");
    }
    if (option->kind == OPTION_BOOL)
        len = snprintf(left, sizeof(left), "  --%s[=yes|no]", option->key);
    else
        len = snprintf(left, sizeof(left), "  --%s %s", option->key, option->arg);
    snprintf(text, sizeof(text), "%s%s%s%s%s%s", option->flags & OPTION_FIXED ? "* " : "",
             option->help, words, option->fallback[0] != '\0' ? " (default " : "", option->fallback,
             option->fallback[0] != '\0' ? ")" : "");
    printf("%s", left);
    if (len >= HELP_COLUMN - 1)
        printf("\n%*s", HELP_COLUMN, "");
    else
        printf("%*s", HELP_COLUMN - len, "");
    print_wrapped(text);
}

static void print_help(void)
{
    const char *section = "";

    printf(
        "mcmp-server: a reverse proxy whose nodes register themselves over MCMP (mod_cluster).\n\n"
        "Usage: mcmp-server [--config FILE] [FLAG VALUE | FLAG=VALUE]...\n\n"
        "  --config FILE                   read a file of sections and `key = value` lines\n"
        "  --check-config                  check the configuration, print it, and end\n"
        "  --check-segment                 check the state in --segment, print figures, and end\n"
        "  --remove-segment                remove the --segment that nobody uses, and end\n"
        "  --help, --version               print this, or the version, and end\n\n"
        "Every flag below is also a key of the file, in the section named above it. Flags win\n"
        "over the file. Times take us, ms, s, min, h, d (a bare number: s), sizes take k, m, g.\n"
        "Those marked * change at a restart only, all others also at SIGHUP.\n");
    for (size_t i = 0; i < option_count; i++) {
        if (strcmp(section, option_table[i].section) != 0) {
            section = option_table[i].section;
            printf("\n[%s]\n", section);
        }
        print_option(&option_table[i]);
    }
    printf(
        "\nSignals to the master process: SIGTERM or SIGINT finish the requests and end (twice:\n"
        "at once); SIGHUP reads the configuration again, new workers take over; SIGUSR1 opens\n"
        "the logs again.\n"
        "\nExample: mcmp-server --listen 127.0.0.1:8000 --management 127.0.0.1:6666 --workers 2\n");
}

static void print_version(void)
{
    mcmp_version_info info;

    mcmp_version_info_init(&info);
    if (mcmp_version(&info) == MCMP_OK)
        printf("mcmp-server %s (libmcmp %s, MCMP %s)\n", MCMP_VERSION, info.text, info.protocol);
}

/* The flag at argv[*i] and its value; *i moves on when the value is a word of its own. */
static int take_flag(struct config *config, const struct command_line *line, int *i,
                     struct complaint *why)
{
    const char *flag = line->argv[*i];
    const struct option *option;
    const char *equals = strchr(flag, '=');
    const char *value = equals != NULL ? equals + 1 : NULL;
    char key[64];
    size_t len = equals != NULL ? (size_t)(equals - flag) : strlen(flag);

    if (strncmp(flag, "--", 2) != 0 || len - 2 >= sizeof(key)) {
        snprintf(why->text, sizeof(why->text), "unexpected \"%.60s\"; see --help", flag);
        return -1;
    }
    memcpy(key, flag + 2, len - 2);
    key[len - 2] = '\0';
    option = option_find(NULL, key);
    if (option == NULL && strcmp(key, "config") != 0) {
        snprintf(why->text, sizeof(why->text), "unknown flag --%.60s; see --help", key);
        return -1;
    }
    if (value == NULL && option != NULL && option->kind == OPTION_BOOL)
        value = "yes";
    if (value == NULL && *i + 1 < line->argc)
        value = line->argv[++*i];
    if (value == NULL) {
        snprintf(why->text, sizeof(why->text), "--%.60s needs a value", key);
        return -1;
    }
    return option == NULL ? 0 : option_set(config, option, value, SOURCE_FLAG, why);
}

static const char *file_of(const struct command_line *line)
{
    const char *file = NULL;

    for (int i = 1; i < line->argc; i++) {
        if (strncmp(line->argv[i], "--config=", 9) == 0)
            file = line->argv[i] + 9;
        else if (strcmp(line->argv[i], "--config") == 0 && i + 1 < line->argc)
            file = line->argv[++i];
    }
    return file;
}

static int print_config(const struct config *config)
{
    config_print(config, stdout);
    return 0;
}

static const struct action *find_action(const char *word)
{
    static const struct action actions[] = {
        { "--check-config", print_config },
        { "--check-segment", segment_check },
        { "--remove-segment", segment_remove },
    };

    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
        if (strcmp(word, actions[i].flag) == 0)
            return &actions[i];
    return NULL;
}

static int fill(struct config *config, const struct command_line *line, struct complaint *why)
{
    const char *file = file_of(line);
    struct acl acl;
    const char *bad = "";

    if (file != NULL && config_read(config, file, why) != 0)
        return -1;
    for (int i = 1; i < line->argc; i++)
        if (find_action(line->argv[i]) == NULL && take_flag(config, line, &i, why) != 0)
            return -1;
    if (acl_parse(&acl, config->allow, &bad) != 0) {
        snprintf(why->text, sizeof(why->text),
                 "bad value \"%.60s\" for allow; allowed: a comma list of addresses, CIDRs, "
                 "loopback, private, any",
                 bad);
        return -1;
    }
    return config_check(config, why);
}

static struct config *config_again(void *ctx, struct complaint *why)
{
    struct config *config = config_new();

    if (config == NULL || fill(config, ctx, why) == 0)
        return config;
    config_free(config);
    return NULL;
}

static struct run_mode special_flags(const struct command_line *line)
{
    struct run_mode mode = { NULL, 0 };

    for (int i = 1; i < line->argc && !mode.quit; i++) {
        if (strcmp(line->argv[i], "--help") == 0 || strcmp(line->argv[i], "-h") == 0) {
            print_help();
            mode.quit = 1;
        } else if (strcmp(line->argv[i], "--version") == 0) {
            print_version();
            mode.quit = 1;
        } else if (find_action(line->argv[i]) != NULL) {
            mode.action = find_action(line->argv[i]);
        }
    }
    return mode;
}

int main(int argc, char **argv)
{
    struct command_line line = { argc, argv };
    struct run_mode mode = special_flags(&line);
    struct complaint why = { "" };
    struct config *config;

    if (mode.quit)
        return fflush(stdout) == 0 ? 0 : 1;
    config = config_again(&line, &why);
    if (config == NULL) {
        fprintf(stderr, "mcmp-server: %s\n", why.text);
        return 2;
    }
    if (mode.action != NULL) {
        int code = mode.action->run(config);

        config_free(config);
        return fflush(stdout) == 0 ? code : 1;
    }
    return master_run(config, config_again, &line);
}
