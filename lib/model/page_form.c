/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One field out of a query or of a form as browsers send it. MCMP bodies have their own walker with
 * the protocol's rules; this one reads what a person's browser made of the page's own forms.
 */
#include "page.h"

static int decode(mcmp_span text, char *buf, size_t size, mcmp_span *out)
{
    size_t len = 0;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i] == '+' ? ' ' : text.ptr[i];

        if (c == '%') {
            int high = text.len - i > 2 ? mcmp__hex_value(text.ptr[i + 1]) : -1;
            int low = text.len - i > 2 ? mcmp__hex_value(text.ptr[i + 2]) : -1;

            if (high < 0 || low < 0)
                return MCMP_ERR_SYNTAX;
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (len == size)
            return MCMP_ERR_SPACE;
        buf[len++] = c;
    }
    *out = mcmp__span(buf, len);
    return MCMP_OK;
}

int mcmp__form_field(mcmp_span form, const char *name, char *buf, size_t size, mcmp_span *out)
{
    mcmp_span found = { NULL, 0 };

    while (form.len != 0) {
        const char *end = memchr(form.ptr, '&', form.len);
        mcmp_span pair = mcmp__span(form.ptr, end != NULL ? (size_t)(end - form.ptr) : form.len);
        const char *equals = pair.len != 0 ? memchr(pair.ptr, '=', pair.len) : NULL;

        if (equals != NULL) {
            mcmp_span key = mcmp__span(pair.ptr, (size_t)(equals - pair.ptr));

            if (mcmp__span_is_nocase(key, name))
                found = mcmp__span(equals + 1, pair.len - key.len - 1);
        }
        form.ptr += MCMP__MIN(pair.len + 1, form.len);
        form.len -= MCMP__MIN(pair.len + 1, form.len);
    }
    return found.ptr != NULL ? decode(found, buf, size, out) : MCMP_ERR_NOT_FOUND;
}
