/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Request smuggling: each known way to make two parties disagree on where a request ends, or whose
 * it is, one row, named by technique or CVE. A row either is refused with its code, or shows in
 * which single way it is read. All rows run in every cut.
 */
#include "cuts.h"

#define R "POST / HTTP/1.1\r\nHost: a\r\n"
#define FRAMING MCMP_ERR_HTTP_FRAMING
#define CODING MCMP_ERR_HTTP_CODING
#define HEADER MCMP_ERR_HTTP_HEADER
#define HOST MCMP_ERR_HTTP_HOST

typedef struct trick_row {
    const char *name;
    mcmp_span data;
    int code;
    uint32_t framing; /* when it passes */
} trick_row;

static const trick_row tricks[] = {
    { "CL.TE (Klein 2005)", TEXT(R "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n"),
      FRAMING, 0 },
    { "TE.CL (order swapped)", TEXT(R "Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n"),
      FRAMING, 0 },
    { "CL.TE with length 0 (CVE-2022-26377)",
      TEXT(R "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n"), FRAMING, 0 },
    { "TE and CL, coding not chunked (CVE-2022-36760)",
      TEXT(R "Transfer-Encoding: identity\r\nContent-Length: 6\r\n\r\n"), FRAMING, 0 },
    { "CL.CL, different", TEXT(R "Content-Length: 6\r\nContent-Length: 5\r\n\r\n"), FRAMING, 0 },
    { "CL.CL, equal", TEXT(R "Content-Length: 6\r\nContent-Length: 6\r\n\r\n"), FRAMING, 0 },
    { "CL.CL in another case", TEXT(R "Content-Length: 6\r\ncONTENT-lENGTH: 5\r\n\r\n"), FRAMING,
      0 },
    { "CL list, equal", TEXT(R "Content-Length: 6, 6\r\n\r\n"), FRAMING, 0 },
    { "CL list, different", TEXT(R "Content-Length: 6,5\r\n\r\n"), FRAMING, 0 },
    { "CL with plus (CVE-2018-7159)", TEXT(R "Content-Length: +6\r\n\r\n"), FRAMING, 0 },
    { "CL negative", TEXT(R "Content-Length: -6\r\n\r\n"), FRAMING, 0 },
    { "CL with blank inside", TEXT(R "Content-Length: 6 6\r\n\r\n"), FRAMING, 0 },
    { "CL hexadecimal", TEXT(R "Content-Length: 0x6\r\n\r\n"), FRAMING, 0 },
    { "CL with fraction", TEXT(R "Content-Length: 6.0\r\n\r\n"), FRAMING, 0 },
    { "CL with exponent", TEXT(R "Content-Length: 1e1\r\n\r\n"), FRAMING, 0 },
    { "CL empty", TEXT(R "Content-Length: \r\n\r\n"), FRAMING, 0 },
    { "CL quoted", TEXT(R "Content-Length: \"6\"\r\n\r\n"), FRAMING, 0 },
    { "CL 2^63", TEXT(R "Content-Length: 9223372036854775808\r\n\r\n"), FRAMING, 0 },
    { "CL 2^64 + 6 (wraps)", TEXT(R "Content-Length: 18446744073709551622\r\n\r\n"), FRAMING, 0 },
    { "CL 2^32 + 6 is not cut to 32 bits", TEXT(R "Content-Length: 4294967302\r\n\r\n"), MCMP_OK,
      MCMP_HTTP_FRAMING_LENGTH },
    { "CL with superscript digits", TEXT(R "Content-Length: \xc2\xb2\r\n\r\n"), FRAMING, 0 },
    { "CL behind a vertical tab (CVE-2019-16276)",
      TEXT(R "Content-Length:\x0b"
             "6\r\n\r\n"),
      HEADER, 0 },
    { "CL with a blank before the colon (CVE-2019-16276)", TEXT(R "Content-Length : 6\r\n\r\n"),
      HEADER, 0 },
    { "TE with a blank before the colon (CVE-2019-20444)",
      TEXT(R "Transfer-Encoding : chunked\r\n\r\n"), HEADER, 0 },
    { "TE without colon (CVE-2019-20444)", TEXT(R "Content-Length: 6\r\nTransfer-Encoding\r\n\r\n"),
      HEADER, 0 },
    { "TE folded (CVE-2021-22959)", TEXT(R "Transfer-Encoding:\r\n chunked\r\n\r\n"), HEADER, 0 },
    { "CL folded away", TEXT(R "X: y\r\n Content-Length: 6\r\n\r\n"), HEADER, 0 },
    { "header behind a bare CR (CVE-2022-32213)",
      TEXT(R "X: y\rTransfer-Encoding: chunked\r\n\r\n"), HEADER, 0 },
    { "header behind a bare LF (CVE-2022-32214)",
      TEXT(R "X: y\nTransfer-Encoding: chunked\r\n\r\n"), HEADER, 0 },
    { "header behind a NUL", TEXT(R "X: y\0\r\nTransfer-Encoding: chunked\r\n\r\n"), HEADER, 0 },
    { "empty name hides headers (CVE-2023-25725)", TEXT(R ": \r\nContent-Length: 6\r\n\r\n"),
      HEADER, 0 },
    { "head ended by LF CR LF", TEXT(R "X: y\n\r\n"), HEADER, 0 },
    { "head ended by bare LF", TEXT(R "X: y\r\n\n"), HEADER, 0 },
    { "TE of two codings (CVE-2020-11724)", TEXT(R "Transfer-Encoding: gzip, chunked\r\n\r\n"),
      CODING, 0 },
    { "TE whose last coding is not chunked", TEXT(R "Transfer-Encoding: chunked, gzip\r\n\r\n"),
      FRAMING, 0 },
    { "TE chunked, identity (CVE-2021-33193)",
      TEXT(R "Transfer-Encoding: chunked, identity\r\n\r\n"), FRAMING, 0 },
    { "TE identity", TEXT(R "Transfer-Encoding: identity\r\n\r\n"), FRAMING, 0 },
    { "TE chunked twice", TEXT(R "Transfer-Encoding: chunked, chunked\r\n\r\n"), FRAMING, 0 },
    { "TE in two lines", TEXT(R "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"),
      FRAMING, 0 },
    { "TE in two lines, cow (TE.TE)",
      TEXT(R "Transfer-Encoding: chunked\r\nTransfer-encoding: cow\r\n\r\n"), FRAMING, 0 },
    { "TE xchunked", TEXT(R "Transfer-Encoding: xchunked\r\n\r\n"), FRAMING, 0 },
    { "TE chunkedx", TEXT(R "Transfer-Encoding: chunkedx\r\n\r\n"), FRAMING, 0 },
    { "TE quoted", TEXT(R "Transfer-Encoding: \"chunked\"\r\n\r\n"), FRAMING, 0 },
    { "TE with parameter", TEXT(R "Transfer-Encoding: chunked;q=1\r\n\r\n"), FRAMING, 0 },
    { "TE with a comma before", TEXT(R "Transfer-Encoding: ,chunked\r\n\r\n"), FRAMING, 0 },
    { "TE with a comma behind", TEXT(R "Transfer-Encoding: chunked,\r\n\r\n"), FRAMING, 0 },
    { "TE empty", TEXT(R "Transfer-Encoding:\r\n\r\n"), FRAMING, 0 },
    { "TE behind a vertical tab",
      TEXT(R "Transfer-Encoding: \x0b"
             "chunked\r\n\r\n"),
      HEADER, 0 },
    { "TE with Kelvin sign (case folding)",
      TEXT(R "Transfer-Encoding: chun\xe2\x84\xaa"
             "ed\r\n\r\n"),
      FRAMING, 0 },
    { "TE behind TABs is plain chunked", TEXT(R "Transfer-Encoding:\t\tchunked\t\r\n\r\n"), MCMP_OK,
      MCMP_HTTP_FRAMING_CHUNKED },
    { "TE in HTTP/1.0 (CVE-2023-33934)",
      TEXT("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), FRAMING, 0 },
    { "TE named by Connection still counts (hop-by-hop abuse)",
      TEXT(R "Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n\r\n"), MCMP_OK,
      MCMP_HTTP_FRAMING_CHUNKED },
    { "CL named by Connection still counts (hop-by-hop abuse)",
      TEXT(R "Connection: Content-Length\r\nContent-Length: 6\r\n\r\n"), MCMP_OK,
      MCMP_HTTP_FRAMING_LENGTH },
    { "names with underscores are other headers",
      TEXT(R "Content_Length: 6\r\nTransfer_Encoding: chunked\r\n\r\n"), MCMP_OK,
      MCMP_HTTP_FRAMING_NONE },
    { "body of a GET is framed, not guessed",
      TEXT("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\n"), MCMP_OK,
      MCMP_HTTP_FRAMING_LENGTH },
    { "POST without length has no body", TEXT(R "\r\n"), MCMP_OK, MCMP_HTTP_FRAMING_NONE },
    { "Host twice, equal", TEXT(R "Host: a\r\n\r\n"), HOST, 0 },
    { "Host twice, different", TEXT(R "Host: b\r\n\r\n"), HOST, 0 },
    { "Host twice in 1.0", TEXT("GET / HTTP/1.0\r\nHost: a\r\nhost: b\r\n\r\n"), HOST, 0 },
    { "Host missing", TEXT("GET / HTTP/1.1\r\nX: a\r\n\r\n"), HOST, 0 },
    { "Host missing beside an absolute target", TEXT("GET http://a/ HTTP/1.1\r\n\r\n"), HOST, 0 },
    { "Host empty", TEXT("GET / HTTP/1.1\r\nHost:\r\n\r\n"), HOST, 0 },
    { "Host with user", TEXT("GET / HTTP/1.1\r\nHost: a@b\r\n\r\n"), HOST, 0 },
    { "Host with path", TEXT("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), HOST, 0 },
    { "Host list", TEXT("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"), HOST, 0 },
    { "Host with scheme", TEXT("GET / HTTP/1.1\r\nHost: http://a\r\n\r\n"), HOST, 0 },
    { "folded first header", TEXT("GET / HTTP/1.1\r\n\tHost: a\r\n\r\n"), HEADER, 0 },
    { "version smuggled in the target", TEXT("GET / HTTP/1.1 HTTP/1.1\r\nHost: a\r\n\r\n"),
      MCMP_ERR_HTTP_LINE, 0 },
    { "request line split by CR", TEXT("GET / HTTP/1.1\rX HTTP/1.1\r\nHost: a\r\n\r\n"),
      MCMP_ERR_HTTP_LINE, 0 },
};

START_TEST(known_tricks_have_one_reading_or_none)
{
    mcmp_http_head *head;
    stage place;

    stage_init(&place);
    ck_assert_int_eq(mcmp_http_head_new(&head, NULL, NULL), MCMP_OK);
    for (size_t i = 0; i < COUNT_OF(tricks); i++) {
        const trick_row *row = &tricks[i];
        summary got;

        parse_all_ways(row->name, head, -1, &place, row->data.ptr, row->data.len, &got);
        row_code(row->name, got.code, row->code);
        if (row->code == MCMP_OK)
            row_int(row->name, mcmp_http_head_info(head)->framing, row->framing);
    }
    mcmp_http_head_free(head);
}
END_TEST

/* The same tricks from a node: it must not be able to answer for another request. */
START_TEST(nodes_are_held_to_the_same_framing)
{
    mcmp_http_head *head;
    stage place;

    stage_init(&place);
    ck_assert_int_eq(mcmp_http_head_new(&head, NULL, NULL), MCMP_OK);
    for (size_t i = 0; i < COUNT_OF(tricks); i++) {
        const trick_row *row = &tricks[i];
        const size_t cut = strlen(R);
        char data[512] = "HTTP/1.1 200 OK\r\n";
        size_t len = strlen(data);
        summary got;

        if (row->data.len < cut || memcmp(row->data.ptr, R, cut) != 0 || row->code == HOST)
            continue;
        memcpy(data + len, row->data.ptr + cut, row->data.len - cut);
        len += row->data.len - cut;
        parse_all_ways(row->name, head, MCMP_HTTP_POST, &place, data, len, &got);
        row_code(row->name, got.code, row->code);
        if (row->code != MCMP_OK)
            continue;
        row_int(row->name, mcmp_http_head_info(head)->framing,
                row->framing == MCMP_HTTP_FRAMING_NONE ? MCMP_HTTP_FRAMING_CLOSE : row->framing);
    }
    mcmp_http_head_free(head);
}
END_TEST

START_TEST(every_refusal_of_a_client_has_its_status)
{
    static const struct {
        int code;
        uint32_t status;
    } rows[] = {
        { MCMP_ERR_HTTP_LINE, 400 },
        { MCMP_ERR_HTTP_HEADER, 400 },
        { MCMP_ERR_HTTP_FRAMING, 400 },
        { MCMP_ERR_HTTP_SIZE, 431 },
        { MCMP_ERR_HTTP_CHUNK, 400 },
        { MCMP_ERR_HTTP_VERSION, 505 },
        { MCMP_ERR_HTTP_HOST, 400 },
        { MCMP_ERR_HTTP_TARGET_SIZE, 414 },
        { MCMP_ERR_HTTP_CODING, 501 },
        { MCMP_ERR_HTTP_METHOD, 501 },
        { MCMP_ERR_HTTP_UPGRADE, 502 },
        { MCMP_ERR_HTTP_BODY_SIZE, 413 },
        { MCMP_ERR_TRUNCATED, 400 },
        { MCMP_ERR_NOMEM, 500 },
        { MCMP_OK, 500 },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++)
        row_int(mcmp_error_name(rows[i].code), mcmp_http_status_of(rows[i].code), rows[i].status);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        known_tricks_have_one_reading_or_none,
        nodes_are_held_to_the_same_framing,
        every_refusal_of_a_client_has_its_status,
    };

    return run_tests("http/framing", tests, COUNT_OF(tests));
}
