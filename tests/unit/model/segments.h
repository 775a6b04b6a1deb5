/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Named segments for tests: a name of its own per process, small options, a look at the bytes
 * behind the library's back, and a little farm that fills a cluster by messages.
 */
#ifndef MCMP_TEST_SEGMENTS_H
#define MCMP_TEST_SEGMENTS_H

#include "lb/farm.h"
#include "model/layout.h"
#include "model/store.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>

typedef struct segment {
    char name[64];
    char path[96];
} segment;

SUPPORT_UNUSED static segment segment_name(const char *what)
{
    segment s;

    (void)snprintf(s.name, sizeof(s.name), "test-%d-%s", (int)getpid(), what);
    (void)snprintf(s.path, sizeof(s.path), "/libmcmp.%s", s.name);
    (void)shm_unlink(s.path);
    return s;
}

SUPPORT_UNUSED static void segment_options(mcmp_cluster_options *opts, const segment *s,
                                           uint32_t attach)
{
    farm_options(opts);
    opts->memory = MCMP_MEMORY_NAMED;
    opts->segment = s->name;
    opts->attach = attach;
    opts->max_nodes = 16;
    opts->max_aliases = 32;
    opts->max_contexts = 64;
    opts->max_balancers = 16;
    opts->max_processes = 8;
}

/* Ends this process when it ran so many seconds from now on, or did nothing for much longer; 0: not
 * any more. A machine that is busy or stood still is no fault. Check's own handler would send
 * SIGKILL to the group of the child that runs a test, with CK_FORK=no to that of ctest. */
SUPPORT_UNUSED static void end_after(int seconds)
{
    const struct itimerval ran = { .it_value.tv_sec = seconds };

    (void)signal(SIGALRM, SIG_DFL);
    (void)signal(SIGPROF, SIG_DFL);
    (void)setitimer(ITIMER_PROF, &ran, NULL);
    (void)alarm(15 * (unsigned)seconds);
}

/* Limits as the segment has them. */
SUPPORT_UNUSED static void segment_adopt(mcmp_cluster_options *opts, const segment *s,
                                         uint32_t attach)
{
    farm_options(opts);
    opts->memory = MCMP_MEMORY_NAMED;
    opts->segment = s->name;
    opts->attach = attach;
    opts->max_nodes = 0;
    opts->max_aliases = 0;
    opts->max_contexts = 0;
}

typedef struct bytes {
    uint64_t *words;
    size_t size;
} bytes;

SUPPORT_UNUSED static bytes segment_map(const segment *s)
{
    int fd = shm_open(s->path, O_RDWR, 0);
    struct stat st;
    bytes b;

    ck_assert_msg(fd >= 0, "no segment %s", s->path);
    ck_assert_int_eq(fstat(fd, &st), 0);
    b.size = (size_t)st.st_size;
    b.words = mmap(NULL, b.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ck_assert(b.words != MAP_FAILED);
    close(fd);
    return b;
}

SUPPORT_UNUSED static void segment_unmap(bytes *b)
{
    munmap(b->words, b->size);
}

/* Opens, with an error that tells why when it fails unexpectedly. */
SUPPORT_UNUSED static mcmp_cluster *segment_open(const mcmp_cluster_options *opts)
{
    mcmp_cluster *cluster = NULL;
    mcmp_error err;

    mcmp_error_init(&err);
    ck_assert_msg(mcmp_cluster_open(&cluster, opts, &err) == MCMP_OK, "%s: %s", err.field,
                  err.message);
    return cluster;
}

/* A few of everything: balancers, domains, aliases, contexts of all kinds, a leaving node. */
SUPPORT_UNUSED static const char segment_farm[] = NODE("a", "&Domain=d1&Balancer=one")
    NODE("b", "&Domain=d1&Balancer=one") NODE("c", "&Domain=d2&Balancer=two") NODE("d", "")
        NODE("e", "&Balancer=one&Domain=d3") ON("a", "/") ON("a", "/x") ON("b", "/x") ON("c", "/x")
            ON("d", "/x/y") ON("e", "/x") DISABLE("b", "/x") STOP("c", "/z") NODE("f", "&Domain=d2")
                ON("f", "/x") GONE("f") APP("ENABLE", "a", "w.example,*.example", "/x,/shop")
                    APP("ENABLE", "b", "w.example", "/x,/shop") ON("d", "/x");

#endif
