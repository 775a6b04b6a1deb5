/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dates of RFC 822 with years of four digits (RFC 1123), without the system's calendar or locale.
 * Written: always in GMT, always 29 bytes. Read: with or without the day's name, any zone given in
 * digits.
 */
#include "values.h"

#define DAY 86400

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
static const char days[] = "ThuFriSatSunMonTueWed"; /* 1970-01-01 was a Thursday */

/* Days since 1970-01-01. Months count from March, so that the leap day is the last of a year. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    int64_t y = month > 2 ? year : year - 1;
    int64_t m = month > 2 ? month - 3 : month + 9;

    return y * 365 + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

static void put_digits(char *out, int64_t value, size_t count)
{
    while (count-- > 0) {
        out[count] = (char)('0' + value % 10);
        value /= 10;
    }
}

void mcmp__advert_date_write(int64_t date, char *out)
{
    int64_t day = date / DAY;
    int64_t rest = date % DAY;
    int64_t year = 1970 + day / 366;
    int64_t month = 1;

    while (days_of(year + 1, 1, 1) <= day)
        year++;
    while (month < 12 && days_of(year, month + 1, 1) <= day)
        month++;
    memcpy(out, "Thu, 01 Jan 1970 00:00:00 GMT", MCMP__ADVERT_DATE_LEN);
    memcpy(out, days + day % 7 * 3, 3);
    put_digits(out + 5, day - days_of(year, month, 1) + 1, 2);
    memcpy(out + 8, months + (month - 1) * 3, 3);
    put_digits(out + 12, year, 4);
    put_digits(out + 17, rest / 3600, 2);
    put_digits(out + 20, rest / 60 % 60, 2);
    put_digits(out + 23, rest % 60, 2);
}

/* Takes a number of least to most digits off the front; -1 when there is none. */
static int64_t take_number(mcmp_span *text, size_t least, size_t most)
{
    int64_t value = 0;
    size_t len = 0;

    while (len < most && len < text->len && mcmp__is_digit(text->ptr[len]))
        value = value * 10 + (text->ptr[len++] - '0');
    text->ptr += len;
    text->len -= len;
    return len >= least ? value : -1;
}

static int take_char(mcmp_span *text, char c)
{
    if (text->len == 0 || text->ptr[0] != c)
        return 0;
    text->ptr++;
    text->len--;
    return 1;
}

/* Takes a name of three letters; its number from 0, or -1. */
static int64_t take_name(mcmp_span *text, const char *names)
{
    if (text->len < 3)
        return -1;
    for (size_t i = 0; names[i] != '\0'; i += 3)
        if (memcmp(text->ptr, names + i, 3) == 0) {
            text->ptr += 3;
            text->len -= 3;
            return (int64_t)(i / 3);
        }
    return -1;
}

/* Seconds east of GMT; 0 and *bad = 1 for what is no zone. */
static int64_t zone_of(mcmp_span text, int *bad)
{
    int64_t sign = text.len != 0 && text.ptr[0] == '-' ? -1 : 1;
    int64_t hours;
    int64_t minutes;

    if (mcmp__span_is(text, "GMT") || mcmp__span_is(text, "UT") || mcmp__span_is(text, "UTC"))
        return 0;
    *bad = !take_char(&text, sign < 0 ? '-' : '+');
    hours = take_number(&text, 2, 2);
    minutes = take_number(&text, 2, 2);
    *bad |= hours < 0 || hours > 23 || minutes < 0 || minutes > 59 || text.len != 0;
    return *bad ? 0 : sign * (hours * 3600 + minutes * 60);
}

/* Of hh:mm:ss with the blank behind it, or -1. */
static int64_t take_clock(mcmp_span *text)
{
    int64_t hour = take_number(text, 2, 2);
    int has_minute = take_char(text, ':');
    int64_t minute = take_number(text, 2, 2);
    int has_second = take_char(text, ':');
    int64_t second = take_number(text, 2, 2);

    if (!has_minute || !has_second || !take_char(text, ' ') || hour < 0 || hour > 23 ||
        minute < 0 || minute > 59 || second < 0 || second > 60)
        return -1;
    return hour * 3600 + minute * 60 + second;
}

int64_t mcmp__advert_date_read(mcmp_span text)
{
    int bad = take_name(&text, days) >= 0 && !(take_char(&text, ',') && take_char(&text, ' '));
    int64_t day = take_number(&text, 1, 2);
    int64_t month;
    int64_t year;
    int64_t clock;
    int64_t date;

    bad |= !take_char(&text, ' ');
    month = take_name(&text, months) + 1;
    bad |= !take_char(&text, ' ');
    year = take_number(&text, 4, 4);
    bad |= !take_char(&text, ' ');
    if (bad || day < 1 || month < 1 || year < 1970)
        return MCMP_ADVERT_NO_DATE;
    if (month < 12 ? day > days_of(year, month + 1, 1) - days_of(year, month, 1) : day > 31)
        return MCMP_ADVERT_NO_DATE;
    clock = take_clock(&text);
    date = days_of(year, month, day) * DAY + clock - zone_of(text, &bad);
    return bad || clock < 0 || date < 0 ? MCMP_ADVERT_NO_DATE : date;
}
