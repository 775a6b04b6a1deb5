/* SPDX-License-Identifier: Apache-2.0 */
/* mcmpctl: looks at ModCluster proxies and steers them. */
#include "conn.h"
#include "options.h"

#include <signal.h>

int main(int argc, char **argv)
{
    ctl c = { .conn = NULL };
    int code;
    const ctl_command *command =
        ctl_options_take(&c.options, argc, (const char *const *)argv, &code);

    if (command == NULL)
        return code;
    (void)signal(SIGPIPE, SIG_IGN); /* TLS writes without MSG_NOSIGNAL */
    if (ctl_conn_new(&c.conn, &c.options) != 0)
        return ctl_fail(CTL_UNREACHABLE, "no memory");
    code = command->run(&c);
    ctl_conn_free(c.conn);
    if (fflush(stdout) != 0 || ferror(stdout))
        return ctl_fail(CTL_UNREACHABLE, "can't write to standard output");
    return code;
}
