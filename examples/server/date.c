/* SPDX-License-Identifier: Apache-2.0 */
/* The text is made once per second. Names of days and months are ours: no locale is asked. */
#include "date.h"

#include <stdio.h>
#include <time.h>

const mcmp_pair *date_header(void)
{
    static const char *const days[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
    static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
    static char text[64];
    static mcmp_pair header = { { "Date", 4 }, { text, 0 } };
    static time_t made;
    time_t now = time(NULL);
    struct tm tm;

    if (now != made && gmtime_r(&now, &tm) != NULL) {
        made = now;
        header.value.len = (size_t)snprintf(
            text, sizeof(text), "%s, %02d %s %04d %02d:%02d:%02d GMT", days[tm.tm_wday], tm.tm_mday,
            months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
    }
    return &header;
}
