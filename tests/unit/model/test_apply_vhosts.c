/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual-host numbers (MCMP 3.3): who gets which number, who joins whom, and when a number goes.
 */
#include "station.h"

#define NODE "JVMRoute=n1&Host=10.0.0.1"

typedef struct scene {
    const char *name;
    const char *messages[8]; /* bodies of ENABLE-APP without JVMRoute; "-" in front: REMOVE-APP;
                                "!": STOP-APP */
    const char *vhosts;      /* number:alias ... */
    const char *contexts;    /* number:status:context ..., status by its first letter */
} scene;

static const scene scenes[] = {
    { "named together", { "Alias=a,b,c&Context=/x" }, "1:a 1:b 1:c ", "1:E:/x 1:E:/x 1:E:/x " },
    { "three by three",
      { "Alias=a,b,c&Context=/x,/y,/z" },
      "1:a 1:b 1:c ",
      "1:E:/x 1:E:/y 1:E:/z 1:E:/x 1:E:/y 1:E:/z 1:E:/x 1:E:/y 1:E:/z " },
    { "two lists", { "Alias=a&Context=/x", "Alias=b&Context=/y" }, "1:a 2:b ", "1:E:/x 2:E:/y " },
    { "two lists with equal contexts",
      { "Alias=a,b&Context=/x", "Alias=c,d&Context=/x" },
      "1:a 1:b 2:c 2:d ",
      "1:E:/x 1:E:/x 2:E:/x 2:E:/x " },
    { "a later alias joins",
      { "Alias=a&Context=/x", "Alias=b&Context=/x", "Alias=a,c&Context=/y" },
      "1:a 2:b 1:c ",
      "1:E:/x 2:E:/x 1:E:/y 1:E:/y " },
    { "it joins the first known of its list",
      { "Alias=a&Context=/x", "Alias=b&Context=/x", "Alias=n,b,a&Context=/x" },
      "1:a 2:b 2:n ",
      "1:E:/x 2:E:/x 2:E:/x " },
    { "two known numbers are never merged",
      { "Alias=a&Context=/x", "Alias=b&Context=/x", "Alias=a,b&Context=/y" },
      "1:a 2:b ",
      "1:E:/x 2:E:/x 1:E:/y 2:E:/y " },
    { "one alias stopped",
      { "Alias=a,b&Context=/x", "!Alias=b&Context=/x" },
      "1:a 1:b ",
      "1:S:/x 1:E:/x " },
    { "an alias without contexts keeps its line",
      { "Alias=a,b&Context=/x", "-Alias=b&Context=/x" },
      "1:a 1:b ",
      "1:E:/x " },
    { "the last context takes the number with it",
      { "Alias=a,b&Context=/x", "Alias=c&Context=/x", "-Alias=b&Context=/x",
        "-Alias=a&Context=/x" },
      "2:c ",
      "2:E:/x " },
    { "the lowest free number is taken again",
      { "Alias=a&Context=/x", "Alias=b&Context=/x", "Alias=c&Context=/x", "-Alias=a&Context=/x",
        "-Alias=b&Context=/x", "Alias=d,e&Context=/x" },
      "3:c 1:d 1:e ",
      "3:E:/x 1:E:/x 1:E:/x " },
    { "an alias that left with its number is new again",
      { "Alias=a,b&Context=/x", "Alias=c&Context=/x", "-Alias=a,b&Context=/x",
        "Alias=b,c&Context=/y" },
      "2:c 2:b ",
      "2:E:/x 2:E:/y 2:E:/y " },
    { "case does not count",
      { "Alias=A&Context=/x", "Alias=a,B&Context=/y" },
      "1:a 1:b ",
      "1:E:/x 1:E:/y 1:E:/y " },
};

/* Read INFO's tail as numbers and names. */
static void shorten(mcmp_span tail, char *vhosts, char *contexts, size_t room)
{
    size_t v = 0;
    size_t c = 0;
    char line[400];

    while (tail.len != 0) {
        const char *end = memchr(tail.ptr, '\n', tail.len);
        size_t len = (size_t)(end - tail.ptr);
        const char *number;
        const char *name;
        const char *status;

        ck_assert(end != NULL && len < sizeof(line));
        memcpy(line, tail.ptr, len);
        line[len] = '\0';
        number = strchr(line, ':'); /* Vhost: [1:<v>:<i>] */
        number = strchr(number + 1, ':') + 1;
        if (line[0] == 'V') {
            name = strstr(line, "Alias: ") + 7;
            v += (size_t)snprintf(vhosts + v, room - v, "%c:%s ", *number, name);
        } else {
            name = strstr(line, "Context: /") + 9;
            status = strstr(line, "Status: ") + 8;
            c += (size_t)snprintf(contexts + c, room - c, "%c:%c:%.*s ", *number, *status,
                                  (int)(strchr(name, ',') - name), name);
        }
        tail.ptr += len + 1;
        tail.len -= len + 1;
    }
    vhosts[v] = '\0';
    contexts[c] = '\0';
}

static void send_scene(station *s, const scene *row)
{
    for (size_t i = 0; i < COUNT_OF(row->messages) && row->messages[i] != NULL; i++) {
        const char *message = row->messages[i];
        const char *line = message[0] == '-'   ? "REMOVE-APP /"
                           : message[0] == '!' ? "STOP-APP /"
                                               : "ENABLE-APP /";
        char body[200];

        message += message[0] != 'A';
        (void)snprintf(body, sizeof(body), "JVMRoute=n1&%s", message);
        row_code(row->name, say(s, line, body), MCMP_OK);
    }
}

START_TEST(test_aliases_get_keep_and_lose_their_numbers)
{
    for (size_t i = 0; i < COUNT_OF(scenes); i++) {
        station s;
        char vhosts[400];
        char contexts[400];

        station_open(&s, NULL);
        row_code(scenes[i].name, say(&s, "CONFIG /", NODE), MCMP_OK);
        send_scene(&s, &scenes[i]);
        shorten(info_tail(&s), vhosts, contexts, sizeof(vhosts));
        row_text(scenes[i].name, span_of(vhosts), scenes[i].vhosts);
        row_text(scenes[i].name, span_of(contexts), scenes[i].contexts);
        /* a repeat of the last CONFIG changes nothing */
        row_code(scenes[i].name, say(&s, "CONFIG /", NODE), MCMP_OK);
        shorten(info_tail(&s), vhosts, contexts, sizeof(vhosts));
        row_text(scenes[i].name, span_of(vhosts), scenes[i].vhosts);
        station_close(&s);
    }
}
END_TEST

START_TEST(test_numbers_of_different_nodes_are_independent)
{
    static const step steps[] = {
        { "n1", "CONFIG /", NODE "&Alias=a&Context=/x", MCMP_OK, "", NULL },
        { "n1 b", "ENABLE-APP /", "JVMRoute=n1&Alias=b&Context=/x", MCMP_OK, NULL, NULL },
        { "n2", "CONFIG /", "JVMRoute=n2&Host=10.0.0.2&Alias=b&Context=/x", MCMP_OK, "",
          "Vhost: [2:1:1], Alias: b\nVhost: [1:1:2], Alias: a\nVhost: [1:2:3], Alias: b\n"
          "Context: [2:1:1], Context: /x, Status: STOPPED\n"
          "Context: [1:1:2], Context: /x, Status: STOPPED\n"
          "Context: [1:2:3], Context: /x, Status: ENABLED\n" },
    };
    station s;

    station_open(&s, NULL);
    PLAY(&s, steps);
    station_close(&s);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_aliases_get_keep_and_lose_their_numbers,
        test_numbers_of_different_nodes_are_independent,
    };

    return run_tests("apply: virtual hosts", tests, COUNT_OF(tests));
}
