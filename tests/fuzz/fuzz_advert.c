/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Datagrams. What is read can be written again from its values and read as the same; a finder
 * takes only what is read and verified, and nothing twice.
 */
#include <libmcmp/advertise.h>

static void round_trip(const mcmp_advert *advert)
{
    static const mcmp_span no_key = { NULL, 0 };
    mcmp_advert again = *advert;
    mcmp_advert read;
    char buf[MCMP_ADVERT_MAX];
    size_t len;

    again.flags = 0;
    if (advert->date == MCMP_ADVERT_NO_DATE)
        again.date = 0;
    if (mcmp_advert_encode(&again, no_key, buf, sizeof(buf), &len, NULL) != MCMP_OK)
        return; /* what was left out before would make it too long */
    mcmp_advert_init(&read);
    MUST(mcmp_advert_decode(buf, len, &read, NULL) == MCMP_OK);
    MUST(mcmp_advert_verify(&read, no_key, NULL) == MCMP_OK);
    MUST(read.status == advert->status && read.sequence == advert->sequence);
    MUST(read.date == again.date && fuzz_same(read.reason, advert->reason));
    MUST(fuzz_same(read.server, advert->server) && fuzz_same(read.address, advert->address));
    MUST(fuzz_same(read.protocol, advert->protocol) && fuzz_same(read.host, advert->host));
}

static void feed_twice(const char *data, size_t size, mcmp_span key)
{
    mcmp_finder_options opts;
    mcmp_finder *finder;
    mcmp_found found;

    mcmp_finder_options_init(&opts);
    opts.key = key;
    opts.window = MCMP_NEVER;
    MUST(mcmp_finder_new(&finder, &opts, NULL) == MCMP_OK);
    mcmp_found_init(&found);
    if (mcmp_finder_feed(finder, data, size, 1, 0, &found, NULL) == MCMP_OK) {
        MUST(found.change == MCMP_FOUND_NEW || found.status == 0);
        if (found.change == MCMP_FOUND_NEW)
            MUST(mcmp_finder_feed(finder, data, size, 2, 0, &found, NULL) ==
                 MCMP_ERR_ADVERT_REPLAY);
    }
    mcmp_finder_free(finder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const mcmp_span keys[] = { { NULL, 0 }, { "secret", 6 } };
    char *text = fuzz_copy(data, size);
    mcmp_advert advert;
    int rc;

    mcmp_advert_init(&advert);
    rc = mcmp_advert_decode(text, size, &advert, NULL);
    if (rc == MCMP_OK) {
        MUST(size <= MCMP_ADVERT_MAX && advert.status >= 100 && advert.status <= 999);
        MUST(advert.hmac_front.len + advert.hmac_back.len <= size);
        round_trip(&advert);
    } else {
        MUST(rc == MCMP_ERR_ADVERT_SYNTAX || rc == MCMP_ERR_ADVERT_SIZE ||
             rc == MCMP_ERR_ADVERT_ADDRESS);
    }
    for (size_t i = 0; i < 2; i++)
        feed_twice(text, size, keys[i]);
    free(text);
    return 0;
}
