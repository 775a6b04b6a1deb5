/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a proxy may send, and what it may not: AJP13 2, 4 and 5 for the container role. Every row is
 * played whole, byte by byte and cut at every place, from memory that ends at a guard page.
 */
#include "serving.h"

#define SECRET "s3cret-1"
/* a request up to its header count, and to its attributes */
#define REQ(method) "P[02 " method " s'HTTP/1.1' s'/a' s'1.1.1.1' n s'h' 0050 00 "
#define GET0 REQ("02") "0000 "
#define REST " protocol=[HTTP/1.1] addr=[1.1.1.1] server=[h] port=80 ssl=0"
#define GETLINE "GET(2,1) uri=[/a]" REST " framing=1"
#define DONE "END\nanswered 200\n"

typedef struct row {
    const char *name;
    const char *bytes;
    const char *want;
} row;

static const row rows[] = {
    { "the smallest request", GET0 "FF]", GETLINE "\n" DONE },
    { "CPing", "P[0A]", "<4142000109\n" },
    { "three of them", "P[0A] P[0A] P[0A]", "<4142000109\n<4142000109\n<4142000109\n" },
    { "CPing, then a request, then CPing", "P[0A]" GET0 "FF] P[0A]",
      "<4142000109\n" GETLINE "\n" DONE "<4142000109\n" },
    { "two requests in a row", GET0 "FF]" GET0 "FF]", GETLINE "\n" DONE GETLINE "\n" DONE },
    /* methods, AJP13 2 */
    { "1", REQ("01") "0000 FF]", "OPTIONS(1,6) uri=[/a]" REST " framing=1\n" DONE },
    { "3", REQ("03") "0000 FF]", "HEAD(3,2) uri=[/a]" REST " framing=1\n" DONE },
    { "4", REQ("04") "0000 FF]", "POST(4,3) uri=[/a]" REST " framing=1\n" DONE },
    { "5", REQ("05") "0000 FF]", "PUT(5,4) uri=[/a]" REST " framing=1\n" DONE },
    { "6", REQ("06") "0000 FF]", "DELETE(6,5) uri=[/a]" REST " framing=1\n" DONE },
    { "7", REQ("07") "0000 FF]", "TRACE(7,7) uri=[/a]" REST " framing=1\n" DONE },
    { "8", REQ("08") "0000 FF]", "PROPFIND(8,0) uri=[/a]" REST " framing=1\n" DONE },
    { "17", REQ("11") "0000 FF]", "VERSION-CONTROL(17,0) uri=[/a]" REST " framing=1\n" DONE },
    { "27", REQ("1B") "0000 FF]", "MKACTIVITY(27,0) uri=[/a]" REST " framing=1\n" DONE },
    { "a stored method", REQ("FF") "0000 0D s'PATCH' FF]",
      "PATCH(255,8) uri=[/a]" REST " framing=1\n" DONE },
    { "a stored method that has a code", REQ("FF") "0000 0D s'SEARCH' FF]",
      "SEARCH(255,0) uri=[/a]" REST " framing=1\n" DONE },
    { "a stored GET", REQ("FF") "0000 0D s'GET' FF]",
      "GET(255,1) uri=[/a]" REST " framing=1\n" DONE },
    { "method 0", REQ("00") "0000 FF]", "MCMP_ERR_AJP_METHOD method @6 -> 400\n" },
    { "method 28", REQ("1C") "0000 FF]", "MCMP_ERR_AJP_METHOD method @6 -> 400\n" },
    { "method 254", REQ("FE") "0000 FF]", "MCMP_ERR_AJP_METHOD method @6 -> 400\n" },
    { "no stored method", REQ("FF") "0000 FF]", "MCMP_ERR_AJP_METHOD stored_method @44 -> 400\n" },
    { "a stored method beside a code", GET0 "0D s'PUT' FF]",
      "MCMP_ERR_AJP_METHOD stored_method @50 -> 400\n" },
    { "a stored method that is no token", REQ("FF") "0000 0D s'P T' FF]",
      "MCMP_ERR_AJP_METHOD stored_method @50 -> 400\n" },
    { "an empty stored method", REQ("FF") "0000 0D s'' FF]",
      "MCMP_ERR_AJP_METHOD stored_method @47 -> 400\n" },
    { "a null stored method", REQ("FF") "0000 0D n FF]",
      "MCMP_ERR_AJP_METHOD stored_method @46 -> 400\n" },
    /* texts */
    { "all null but the path", "P[02 02 n s'/' n n n 0000 00 0000 FF]",
      "GET(2,1) uri=[/] port=0 ssl=0 framing=1\n" DONE },
    { "all told", "P[02 02 s'HTTP/1.0' s'/b%20c;d=e' s'::1' s'c.d' s's.d' 01BB 01 0000 FF]",
      "GET(2,1) uri=[/b%20c;d=e] protocol=[HTTP/1.0] addr=[::1] client=[c.d] server=[s.d] port=443 "
      "ssl=1 framing=1\n" DONE },
    { "OPTIONS *", "P[02 01 n s'*' n n n 0000 00 0000 FF]",
      "OPTIONS(1,6) uri=[*] port=0 ssl=0 framing=1\n" DONE },
    { "GET *", "P[02 02 n s'*' n n n 0000 00 0000 FF]",
      "MCMP_ERR_AJP_TARGET req_uri @24 -> 400\n" },
    { "an absolute path", "P[02 02 n s'http://h/' n n n 0000 00 0000 FF]",
      "MCMP_ERR_AJP_TARGET req_uri @29 -> 400\n" },
    { "an empty path", "P[02 02 n s'' n n n 0000 00 0000 FF]",
      "MCMP_ERR_AJP_TARGET req_uri @20 -> 400\n" },
    { "a null path", "P[02 02 n n n n n 0000 00 0000 FF]",
      "MCMP_ERR_AJP_TARGET req_uri @19 -> 400\n" },
    { "a path with a query", "P[02 02 n s'/a?b' n n n 0000 00 0000 FF]",
      "MCMP_ERR_AJP_TARGET req_uri @24 -> 400\n" },
    { "a path with a blank", "P[02 02 n s'/a b' n n n 0000 00 0000 FF]",
      "MCMP_ERR_AJP_TARGET req_uri @24 -> 400\n" },
    { "a path with a byte above 7F", "P[02 02 n 0003 '/' C3A9 00 n n n 0000 00 0000 FF]",
      "MCMP_ERR_AJP_TARGET req_uri @23 -> 400\n" },
    { "a path with LF", "P[02 02 n 0003 '/' 0A 'b' 00 n n n 0000 00 0000 FF]",
      "MCMP_ERR_AJP_STRING req_uri @14 -> 0\n" },
    { "a path with NUL", "P[02 02 n 0003 '/' 00 'b' 00 n n n 0000 00 0000 FF]",
      "MCMP_ERR_AJP_STRING req_uri @14 -> 0\n" },
    { "a text without its NUL", "P[02 02 n s'/' 0001 'ab' n n 0000 00 0000 FF]",
      "MCMP_ERR_AJP_STRING remote_addr @12 -> 0\n" },
    { "a text that leaves the packet", "P[02 02 n s'/' 7FFF 'ab']",
      "MCMP_ERR_AJP_STRING remote_addr @12 -> 0\n" },
    { "is_ssl 2", "P[02 02 n s'/' n n n 0000 02 0000 FF]",
      "MCMP_ERR_AJP_STRING is_ssl @21 -> 0\n" },
    { "the packet ends behind the type", "P[02]", "MCMP_ERR_AJP_STRING method @5 -> 0\n" },
    { "the packet ends in the port", "P[02 02 n s'/' n n n 00]",
      "MCMP_ERR_AJP_STRING is_ssl @18 -> 0\n" },
    { "the packet ends behind is_ssl", "P[02 02 n s'/' n n n 0000 00]",
      "MCMP_ERR_AJP_STRING headers @21 -> 0\n" },
    { "the packet ends before FF", GET0 "]", "MCMP_ERR_AJP_STRING attribute @43 -> 0\n" },
    { "bytes behind FF", GET0 "FF 00]", "MCMP_ERR_AJP_PACKET Forward Request @44 -> 0\n" },
    /* headers */
    { "every code",
      REQ("02") "000E A001 s'1' A002 s'2' A003 s'3' A004 s'4' A005 s'5' A006 s'6' "
                "A007 s'7' A008 s'0' A009 s'9' A00A s'10' A00B s'11' A00C s'12' A00D "
                "s'13' A00E s'14' FF]",
      "GET(2,1) uri=[/a]" REST " host=[11] type=[7] framing=2,0\n  accept: 1\n  accept-charset: 2\n"
      "  accept-encoding: 3\n  accept-language: 4\n  authorization: 5\n  connection: 6\n"
      "  content-type: 7\n  content-length: 0\n  cookie: 9\n  cookie2: 10\n  host: 11\n"
      "  pragma: 12\n  referer: 13\n  user-agent: 14\n" DONE },
    { "names as strings",
      REQ("02") "0005 s'X-A' s'1' s'Host' s'h' s'E' s'' s'N' n s'X-A' 0002 E9 "
                "09 00 FF]",
      "GET(2,1) uri=[/a]" REST " host=[h] framing=1\n  X-A: 1\n  Host: h\n  E: \n  N: \n"
      "  X-A: \\xe9\\x09\n" DONE },
    { "code A000", REQ("02") "0001 A000 s'' FF]", "MCMP_ERR_AJP_HEADER name @45 -> 400\n" },
    { "code A00F", REQ("02") "0001 A00F s'' FF]", "MCMP_ERR_AJP_HEADER name @45 -> 400\n" },
    { "code A0FF", REQ("02") "0001 A0FF s'' FF]", "MCMP_ERR_AJP_HEADER name @45 -> 400\n" },
    { "a null name", REQ("02") "0001 n s'' FF]", "MCMP_ERR_AJP_HEADER name @45 -> 400\n" },
    { "an empty name", REQ("02") "0001 s'' s'' FF]", "MCMP_ERR_AJP_HEADER name @46 -> 400\n" },
    { "a name of 255 bytes", REQ("02") "0001 S255'n' s'v' FF]", NULL },
    { "a name of 256 bytes", REQ("02") "0001 S256'n' s'v' FF]",
      "MCMP_ERR_AJP_HEADER name @45 -> 400\n" },
    { "a name that is no token", REQ("02") "0001 s'a:b' s'v' FF]",
      "MCMP_ERR_AJP_HEADER name @49 -> 400\n" },
    { "a value with LF", REQ("02") "0001 s'a' 0003 'a' 0A 'b' 00 FF]",
      "MCMP_ERR_AJP_HEADER value @53 -> 400\n" },
    { "a value with NUL", REQ("02") "0001 s'a' 0003 'a' 00 'b' 00 FF]",
      "MCMP_ERR_AJP_HEADER value @53 -> 400\n" },
    { "two Hosts", REQ("02") "0002 A00B s'a' s'hOST' s'a' FF]",
      "MCMP_ERR_AJP_HEADER host @60 -> 400\n" },
    { "more headers than there are", REQ("02") "0003 A00B s'a' FF]",
      "MCMP_ERR_AJP_STRING name @49 -> 0\n" },
    /* framing, AJP13 5 */
    { "content-length twice, the same", REQ("04") "0002 A008 s'3' A008 s'3' FF]",
      "MCMP_ERR_AJP_FRAMING content-length @55 -> 400\n" },
    { "content-length twice, once as a string",
      REQ("04") "0002 A008 s'3' s'Content-Length' s'4' "
                "FF]",
      "MCMP_ERR_AJP_FRAMING content-length @70 -> 400\n" },
    { "content-length and transfer-encoding",
      REQ("04") "0002 A008 s'3' s'Transfer-Encoding' "
                "s'chunked' FF]",
      "MCMP_ERR_AJP_FRAMING transfer-encoding @79 -> 400\n" },
    { "transfer-encoding twice",
      REQ("04") "0002 s'transfer-encoding' s'chunked' "
                "s'transfer-encoding' s'chunked' FF]",
      "MCMP_ERR_AJP_FRAMING transfer-encoding @103 -> 400\n" },
    { "transfer-encoding gzip", REQ("04") "0001 s'transfer-encoding' s'gzip, chunked' FF]",
      "MCMP_ERR_AJP_FRAMING transfer-encoding @79 -> 400\n" },
    { "content-length -1", REQ("04") "0001 A008 s'-1' FF]",
      "MCMP_ERR_AJP_FRAMING content-length @50 -> 400\n" },
    { "content-length +1", REQ("04") "0001 A008 s'+1' FF]",
      "MCMP_ERR_AJP_FRAMING content-length @50 -> 400\n" },
    { "an empty content-length", REQ("04") "0001 A008 s'' FF]",
      "MCMP_ERR_AJP_FRAMING content-length @48 -> 400\n" },
    { "content-length 2^63", REQ("04") "0001 A008 s'9223372036854775808' FF]",
      "MCMP_ERR_AJP_FRAMING content-length @67 -> 400\n" },
    /* attributes */
    { "all codes",
      GET0 "01 s'/x' 02 s'/y' 03 s'bob' 04 s'Basic' 05 s'q=1' 06 s'n1' 07 0003 'A' 0A "
           "'B' 00 08 s'C' 09 s'0f' 0B 0100 0C s'x' FF]",
      "GET(2,1) uri=[/a] query=[q=1]" REST
      " framing=1 key=256 user=[bob] auth=[Basic] route=[n1] cert=[A\\x0aB] cipher=[C] "
      "session=[0f]\n" DONE },
    { "in another order", GET0 "09 s'0f' 05 s'' 03 s'bob' FF]",
      "GET(2,1) uri=[/a] query=[]" REST " framing=1 user=[bob] session=[0f]\n" DONE },
    { "known names",
      GET0 "0A s'AJP_REMOTE_PORT' s'65535' 0A s'AJP_LOCAL_ADDR' s'::1' 0A "
           "s'AJP_SSL_PROTOCOL' s'TLSv1.3' 0A s'JK_LB_ACTIVATION' s'STP' FF]",
      GETLINE " rport=65535 local=[::1] activation=[STP] tls=[TLSv1.3]\n"
              "  @AJP_REMOTE_PORT: 65535\n  @AJP_LOCAL_ADDR: ::1\n  @AJP_SSL_PROTOCOL: TLSv1.3\n"
              "  @JK_LB_ACTIVATION: STP\n" DONE },
    { "a name that is allowed", GET0 "0A s'mine' s'1' 0A s'mine' s'2' FF]",
      GETLINE "\n  @mine: 1\n  @mine: 2\n" DONE },
    { "a name that is not", GET0 "0A s'Mine' s'1' FF]",
      "MCMP_ERR_AJP_ATTRIBUTE attribute @55 -> 403\n" },
    { "a name of a coded one", GET0 "0A s'secret' s'1' FF]",
      "MCMP_ERR_AJP_ATTRIBUTE attribute @57 -> 403\n" },
    { "a port that is none", GET0 "0A s'AJP_REMOTE_PORT' s'80a' FF]",
      "MCMP_ERR_AJP_ATTRIBUTE AJP_REMOTE_PORT @68 -> 403\n" },
    { "a port over 65535", GET0 "0A s'AJP_REMOTE_PORT' s'65536' FF]",
      "MCMP_ERR_AJP_ATTRIBUTE AJP_REMOTE_PORT @70 -> 403\n" },
    { "a known name twice", GET0 "0A s'AJP_LOCAL_ADDR' s'1' 0A s'AJP_LOCAL_ADDR' s'2' FF]",
      "MCMP_ERR_AJP_ATTRIBUTE attribute @87 -> 403\n" },
    { "a code twice", GET0 "03 s'a' 03 s'b' FF]", "MCMP_ERR_AJP_ATTRIBUTE attribute @49 -> 403\n" },
    { "code 14", GET0 "0E s'x' FF]", "MCMP_ERR_AJP_ATTRIBUTE attribute @44 -> 403\n" },
    { "code 0", GET0 "00 s'x' FF]", "MCMP_ERR_AJP_ATTRIBUTE attribute @44 -> 403\n" },
    { "code 254", GET0 "FE s'x' FF]", "MCMP_ERR_AJP_ATTRIBUTE attribute @44 -> 403\n" },
    { "a query with a blank", GET0 "05 s'a b' FF]",
      "MCMP_ERR_AJP_TARGET query_string @50 -> 400\n" },
    { "a user with LF", GET0 "03 0001 0A 00 FF]", "MCMP_ERR_AJP_ATTRIBUTE attribute @48 -> 403\n" },
    { "a null user", GET0 "03 n FF]", GETLINE "\n" DONE },
    { "a key size as a string", GET0 "0B s'256' FF]", GETLINE " key=256\n" DONE },
    { "a key size of five digits", GET0 "0B s'16384' FF]", GETLINE " key=16384\n" DONE },
    { "a small key size as a number", GET0 "0B 0001 FF]", GETLINE " key=1\n" DONE },
    { "a small key size before another", GET0 "0B 0005 08 s'1' FF]",
      GETLINE " key=5 cipher=[1]\n" DONE },
    { "the packet ends in the key size", GET0 "0B 01]",
      "MCMP_ERR_AJP_STRING ssl_key_size @44 -> 0\n" },
    { "an attribute leaves the packet", GET0 "03 0003 'ab' 00 FF]",
      "MCMP_ERR_AJP_STRING attribute @44 -> 0\n" },
    /* bodies */
    { "a known length in one packet", REQ("04") "0001 A008 s'3' FF] P[0003 'abc']",
      "POST(4,3) uri=[/a]" REST " framing=2,3\n  content-length: 3\nBODY abc|" DONE },
    { "in two", REQ("04") "0001 A008 s'3' FF] P[0002 'ab'] P[0001 'c'] P[0A]",
      "POST(4,3) uri=[/a]" REST " framing=2,3\n  content-length: 3\nBODY ab|<41420003061ffa\n"
      "BODY c|" DONE "<4142000109\n" },
    { "an unknown length",
      REQ("04") "0001 s'transfer-encoding' s'chunked' FF] P[0002 'ab'] "
                "P[0001 'c'] P[0000]",
      "POST(4,3) uri=[/a]" REST " framing=3\n  transfer-encoding: chunked\n<41420003061ffa\n"
      "BODY ab|<41420003061ffa\nBODY c|<41420003061ffa\n" DONE },
    { "an empty packet of no payload", REQ("04") "0001 s'Transfer-Encoding' s'CHUNKED' FF] P[]",
      "POST(4,3) uri=[/a]" REST
      " framing=3\n  Transfer-Encoding: CHUNKED\n<41420003061ffa\n" DONE },
    { "shorter than announced", REQ("04") "0001 A008 s'3' FF] P[0002 'ab'] P[0000]",
      "POST(4,3) uri=[/a]" REST " framing=2,3\n  content-length: 3\nBODY ab|<41420003061ffa\n"
      "MCMP_ERR_AJP_LENGTH content-length @58 -> 400\n" },
    { "an empty first packet", REQ("04") "0001 A008 s'3' FF] P[]",
      "POST(4,3) uri=[/a]" REST " framing=2,3\n  content-length: 3\n"
      "MCMP_ERR_AJP_LENGTH content-length @50 -> 400\n" },
    { "longer than announced", REQ("04") "0001 A008 s'3' FF] P[0004 'abcd']",
      "POST(4,3) uri=[/a]" REST " framing=2,3\n  content-length: 3\n"
      "MCMP_ERR_AJP_LENGTH content-length @50 -> 400\n" },
    { "inner length too small", REQ("04") "0001 A008 s'9' FF] P[0001 'ab']",
      "POST(4,3) uri=[/a]" REST " framing=2,9\n  content-length: 9\n"
      "MCMP_ERR_AJP_PACKET body packet @50 -> 0\n" },
    { "inner length too large", REQ("04") "0001 A008 s'9' FF] P[0003 'ab']",
      "POST(4,3) uri=[/a]" REST " framing=2,9\n  content-length: 9\n"
      "MCMP_ERR_AJP_PACKET body packet @50 -> 0\n" },
    { "a payload of one byte", REQ("04") "0001 A008 s'9' FF] P[00] P[00]",
      "POST(4,3) uri=[/a]" REST " framing=2,9\n  content-length: 9\n"
      "MCMP_ERR_AJP_PACKET body packet @50 -> 0\n" },
    { "content that looks like a request",
      REQ("04") "0001 A008 s'4' FF] P[0004 02020000]" GET0 "FF]",
      "POST(4,3) uri=[/a]" REST " framing=2,4\n  content-length: 4\n"
      "BODY \\x02\\x02\\x00\\x00|" DONE GETLINE "\n" DONE },
    /* between exchanges */
    { "a stray empty packet", GET0 "FF] P[]" GET0 "FF]", GETLINE "\n" DONE GETLINE "\n" DONE },
    { "two of them", GET0 "FF] P[] P[]",
      GETLINE "\n" DONE "MCMP_ERR_AJP_PACKET packet @48 -> 0\n" },
    { "one of the other form", GET0 "FF] P[0000]",
      GETLINE "\n" DONE "MCMP_ERR_AJP_PACKET packet @44 -> 0\n" },
    { "one behind a body", REQ("04") "0001 A008 s'1' FF] P[0001 'a'] P[]",
      "POST(4,3) uri=[/a]" REST " framing=2,1\n  content-length: 1\nBODY a|" DONE
      "MCMP_ERR_AJP_PACKET packet @57 -> 0\n" },
    { "one at first", "P[]", "MCMP_ERR_AJP_PACKET packet @0 -> 0\n" },
    { "a body packet at first", "P[0003 'abc']", "MCMP_ERR_AJP_PACKET packet @0 -> 0\n" },
    { "Shutdown", "P[07]", "MCMP_ERR_AJP_PACKET packet @0 -> 0\n" },
    { "the old ping", "P[08]", "MCMP_ERR_AJP_PACKET packet @0 -> 0\n" },
    { "CPing of two bytes", "P[0A 00]", "MCMP_ERR_AJP_PACKET packet @0 -> 0\n" },
    { "another magic", "C[0A]", "MCMP_ERR_AJP_PACKET packet @0 -> 0\n" },
    { "HTTP", "'GET / HTTP/1.1' 0D0A", "MCMP_ERR_AJP_PACKET packet @0 -> 0\n" },
};

START_TEST(requests_are_decoded_however_they_are_cut)
{
    static const mcmp_span names[] = { TEXT("mine"), TEXT("") };
    mcmp_ajp_options opts;
    static story s;
    static wire w;
    server v;

    mcmp_ajp_options_init(&opts);
    opts.allow = names;
    opts.allow_count = COUNT_OF(names);
    server_open(&v, &opts);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        w = *wire_of(rows[i].bytes);
        server_all_ways(rows[i].name, &v, &w, &s);
        if (rows[i].want == NULL)
            ck_assert_msg(strstr(s.text, DONE) != NULL, "row '%s': %s", rows[i].name, s.text);
        else
            ck_assert_msg(strcmp(s.text, rows[i].want) == 0, "row '%s':\n%s\ninstead of\n%s",
                          rows[i].name, s.text, rows[i].want);
    }
    mcmp_ajp_container_free(v.container);
}
END_TEST

static const row secrets[] = {
    { "the right one", GET0 "0C s'" SECRET "' FF]", GETLINE "\n" DONE },
    { "the right one, last but not least", GET0 "03 s'b' 0C s'" SECRET "' 04 s'B' FF]",
      GETLINE " user=[b] auth=[B]\n" DONE },
    { "none", GET0 "FF]", "MCMP_ERR_AJP_SECRET secret @44 -> 403\n" },
    { "a null one", GET0 "0C n FF]", "MCMP_ERR_AJP_SECRET secret @47 -> 403\n" },
    { "an empty one", GET0 "0C s'' FF]", "MCMP_ERR_AJP_SECRET secret @48 -> 403\n" },
    { "one byte less", GET0 "0C s's3cret-' FF]", "MCMP_ERR_AJP_SECRET secret @55 -> 403\n" },
    { "one byte more", GET0 "0C s's3cret-1s' FF]", "MCMP_ERR_AJP_SECRET secret @57 -> 403\n" },
    { "twice as long", GET0 "0C s'" SECRET SECRET "' FF]",
      "MCMP_ERR_AJP_SECRET secret @64 -> 403\n" },
    { "another", GET0 "0C s's3cret-2' FF]", "MCMP_ERR_AJP_SECRET secret @56 -> 403\n" },
    { "two, one of them right", GET0 "0C s'" SECRET "' 0C s'x' FF]",
      "MCMP_ERR_AJP_ATTRIBUTE attribute @56 -> 403\n" },
    { "CPing needs none", "P[0A]", "<4142000109\n" },
};

START_TEST(a_wrong_secret_is_refused_and_never_shown)
{
    mcmp_ajp_options opts;
    static story s;
    static wire w;
    server v;

    mcmp_ajp_options_init(&opts);
    opts.secret = span_of(SECRET);
    server_open(&v, &opts);
    for (size_t i = 0; i < COUNT_OF(secrets); i++) {
        mcmp_error err;

        w = *wire_of(secrets[i].bytes);
        server_all_ways(secrets[i].name, &v, &w, &s);
        ck_assert_msg(strcmp(s.text, secrets[i].want) == 0, "row '%s':\n%s\ninstead of\n%s",
                      secrets[i].name, s.text, secrets[i].want);
        mcmp_error_init(&err);
        mcmp_ajp_container_reset(v.container);
        (void)server_feed(&v, &s, w.bytes, w.len, &err);
        ck_assert_ptr_null(strstr(err.message, "s3cret"));
    }
    mcmp_ajp_container_free(v.container);
}
END_TEST

START_TEST(a_refused_request_is_answered_and_the_connection_closed)
{
    mcmp_ajp_options opts;
    const wire *w = wire_of(GET0 "FF]");
    char out[64];
    static story s;
    size_t len;
    server v;

    mcmp_ajp_options_init(&opts);
    opts.secret = span_of(SECRET);
    server_open(&v, &opts);
    ck_assert_int_eq(server_feed(&v, &s, w->bytes, w->len, NULL), MCMP_ERR_AJP_SECRET);
    ck_assert_ptr_null(mcmp_ajp_container_request(v.container));
    ck_assert_int_eq(
        mcmp_ajp_container_encode_get_body(v.container, 0, out, sizeof(out), &len, NULL),
        MCMP_ERR_STATE);
    server_answer(&v, &s, 403, 1);
    ck_assert_int_eq(
        mcmp_ajp_container_encode_head(v.container, 403, NULL, 0, out, sizeof(out), &len, NULL),
        MCMP_ERR_STATE);
    ck_assert_int_eq(server_feed(&v, &s, w->bytes, w->len, NULL), MCMP_ERR_STATE);
    mcmp_ajp_container_reset(v.container);
    ck_assert_int_eq(server_feed(&v, &s, w->bytes, w->len, NULL), MCMP_ERR_AJP_SECRET);
    ck_assert_int_eq(
        mcmp_ajp_container_encode_head(v.container, 403, NULL, 0, out, sizeof(out), &len, NULL),
        MCMP_OK);
    ck_assert_int_eq(mcmp_ajp_container_encode_end(v.container, 1, out, sizeof(out), &len, NULL),
                     MCMP_OK);
    ck_assert_int_eq(out[5], 0); /* reuse 0 whatever was asked for */
    mcmp_ajp_container_free(v.container);
}
END_TEST

START_TEST(a_refusal_has_content_whatever_was_asked_before)
{
    static const struct {
        const char *name;
        const char *bytes;
        int code;
    } refused[] = {
        { "over max_accept", REQ("02") "0001 s'X' S8142'v' FF]", MCMP_ERR_AJP_SIZE },
        { "no method", "P[02 00]", MCMP_ERR_AJP_METHOD },
    };

    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        static story s;
        mcmp_ajp_options opts;
        mcmp_ajp_frame frame;
        char out[64];
        const wire *w;
        size_t len;
        server v;

        s.len = 0;
        mcmp_ajp_options_init(&opts);
        mcmp_ajp_frame_init(&frame);
        opts.max_accept = 8192;
        server_open(&v, &opts);
        w = wire_of(REQ("03") "0000 FF]"); /* HEAD */
        row_code(refused[i].name, server_feed(&v, &s, w->bytes, w->len, NULL), MCMP_NEED_MORE);
        w = wire_of(refused[i].bytes);
        row_code(refused[i].name, server_feed(&v, &s, w->bytes, w->len, NULL), refused[i].code);
        ck_assert_int_eq(
            mcmp_ajp_container_encode_head(v.container, 400, NULL, 0, out, sizeof(out), &len, NULL),
            MCMP_OK);
        row_code(refused[i].name, mcmp_ajp_container_encode_body(v.container, 4, &frame, NULL),
                 MCMP_OK);
        ck_assert_uint_eq(frame.take, 4);
        mcmp_ajp_container_free(v.container);
    }
}
END_TEST

/* An early answer: the packet that is on its way is taken and dropped, then the next request. */
static const row early[] = {
    { "a body that nobody wants", REQ("04") "0001 A008 s'5' FF] P[0005 'abcde']" GET0 "FF]",
      "POST(4,3) uri=[/a]" REST " framing=2,5\n  content-length: 5\nanswered 200\n" GETLINE
      "\nanswered 200\n" },
    { "the first part of it", REQ("04") "0001 A008 s'9' FF] P[0005 'abcde'] P[0A]",
      "POST(4,3) uri=[/a]" REST " framing=2,9\n  content-length: 9\nanswered 200\n<4142000109\n" },
    { "none of it", REQ("04") "0001 s'transfer-encoding' s'chunked' FF] P[0A]",
      "POST(4,3) uri=[/a]" REST " framing=3\n  transfer-encoding: chunked\nanswered 200\n"
      "<4142000109\n" },
    { "another request instead of it", REQ("04") "0001 A008 s'5' FF]" GET0 "FF]",
      "POST(4,3) uri=[/a]" REST " framing=2,5\n  content-length: 5\nanswered 200\n"
      "MCMP_ERR_AJP_PACKET body packet @50 -> 0\n" },
};

START_TEST(an_early_answer_leaves_nothing_on_the_connection)
{
    static story s;
    static wire w;
    server v;

    server_open(&v, NULL);
    v.early = 1;
    for (size_t i = 0; i < COUNT_OF(early); i++) {
        w = *wire_of(early[i].bytes);
        server_all_ways(early[i].name, &v, &w, &s);
        ck_assert_msg(strcmp(s.text, early[i].want) == 0, "row '%s':\n%s\ninstead of\n%s",
                      early[i].name, s.text, early[i].want);
    }
    mcmp_ajp_container_free(v.container);
}
END_TEST

START_TEST(later_requests_wait_for_the_answer)
{
    const wire *w = wire_of(REQ("04") "0001 s'transfer-encoding' s'chunked' FF]" GET0 "FF]");
    mcmp_ajp_event event;
    static story s;
    size_t used;
    size_t first;
    server v;

    server_open(&v, NULL);
    mcmp_ajp_event_init(&event);
    ck_assert_int_eq(mcmp_ajp_container_feed(v.container, w->bytes, w->len, &first, &event, NULL),
                     MCMP_OK);
    ck_assert_uint_eq(event.type, MCMP_AJP_EVENT_HEAD);
    ck_assert_uint_lt(first, w->len);
    ck_assert(mcmp_ajp_container_wants_body(v.container));
    ck_assert_int_eq(
        mcmp_ajp_container_feed(v.container, w->bytes + first, w->len - first, &used, &event, NULL),
        MCMP_PENDING);
    ck_assert_uint_eq(used, 0);
    server_answer(&v, &s, 200, 1);
    ck_assert_ptr_null(mcmp_ajp_container_request(v.container));
    ck_assert_int_eq(
        mcmp_ajp_container_feed(v.container, w->bytes + first, w->len - first, &used, &event, NULL),
        MCMP_OK);
    ck_assert_uint_eq(event.type, MCMP_AJP_EVENT_HEAD);
    mcmp_ajp_container_free(v.container);
}
END_TEST

START_TEST(limits_on_packets_are_errors_that_name_them)
{
    static const struct {
        const char *name;
        uint32_t max_accept;
        uint32_t max_headers;
        const char *bytes;
        int code;
        const char *field;
    } limits[] = {
        { "a request of max_accept", 8192, 0, REQ("02") "0001 s'X' S8141'v' FF]", MCMP_NEED_MORE,
          "" },
        { "one byte more", 8192, 0, REQ("02") "0001 s'X' S8142'v' FF]", MCMP_ERR_AJP_SIZE,
          "max_accept" },
        { "the longest there is", 0, 0, REQ("02") "0001 s'X' S65488'v' FF]", MCMP_NEED_MORE, "" },
        { "a body packet of max_accept", 8192, 0,
          REQ("04") "0001 A008 s'8186' FF] P[1FFA r8186'v']", MCMP_NEED_MORE, "" },
        { "one byte more of body", 8192, 0, REQ("04") "0001 A008 s'8187' FF] P[1FFB r8187'v']",
          MCMP_ERR_AJP_SIZE, "max_accept" },
        { "as many headers as allowed", 0, 1, REQ("02") "0001 s'X' s'' FF]", MCMP_NEED_MORE, "" },
        { "one more", 0, 1, REQ("02") "0002 s'X' s'' s'X' s'' FF]", MCMP_ERR_AJP_SIZE,
          "max_headers" },
    };

    for (size_t i = 0; i < COUNT_OF(limits); i++) {
        const wire *w = wire_of(limits[i].bytes);
        mcmp_ajp_options opts;
        mcmp_error err;
        static story s;
        server v;

        s.len = 0;
        mcmp_error_init(&err);
        mcmp_ajp_options_init(&opts);
        opts.max_accept = limits[i].max_accept;
        opts.max_headers = limits[i].max_headers;
        server_open(&v, &opts);
        row_code(limits[i].name, server_feed(&v, &s, w->bytes, w->len, &err), limits[i].code);
        row_text(limits[i].name, span_of(err.field), limits[i].field);
        mcmp_ajp_container_free(v.container);
    }
}
END_TEST

START_TEST(more_than_64_named_attributes_are_refused)
{
    static const mcmp_span names[] = { TEXT("m") };
    mcmp_ajp_options opts;
    static wire w;
    static story s;
    server v;

    mcmp_ajp_options_init(&opts);
    opts.allow = names;
    opts.allow_count = 1;
    server_open(&v, &opts);
    for (int count = 64; count <= 65; count++) {
        static char text[4096];
        int at = snprintf(text, sizeof(text), GET0);

        for (int i = 0; i < count; i++)
            at += snprintf(text + at, sizeof(text) - (size_t)at, "0A s'm' s'v' ");
        (void)snprintf(text + at, sizeof(text) - (size_t)at, "FF]");
        w = *wire_of(text);
        mcmp_ajp_container_reset(v.container);
        s.len = 0;
        ck_assert_int_eq(server_feed(&v, &s, w.bytes, w.len, NULL),
                         count == 64 ? MCMP_NEED_MORE : MCMP_ERR_AJP_ATTRIBUTE);
    }
    mcmp_ajp_container_free(v.container);
}
END_TEST

static int open_and_close(const mcmp_allocator *allocator, void *ctx)
{
    mcmp_ajp_container *container;
    mcmp_ajp_options opts;
    int rc;

    (void)ctx;
    mcmp_ajp_options_init(&opts);
    opts.allocator = allocator;
    opts.secret = span_of(SECRET);
    rc = mcmp_ajp_container_new(&container, &opts, NULL);
    if (rc == MCMP_OK)
        mcmp_ajp_container_free(container);
    return rc;
}

START_TEST(memory_that_is_not_there_is_an_error)
{
    run_with_oom("container", open_and_close, NULL);
    mcmp_ajp_container_free(NULL);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        requests_are_decoded_however_they_are_cut,
        a_wrong_secret_is_refused_and_never_shown,
        a_refused_request_is_answered_and_the_connection_closed,
        a_refusal_has_content_whatever_was_asked_before,
        an_early_answer_leaves_nothing_on_the_connection,
        later_requests_wait_for_the_answer,
        limits_on_packets_are_errors_that_name_them,
        more_than_64_named_attributes_are_refused,
        memory_that_is_not_there_is_an_error,
    };

    return run_tests("ajp container", tests, COUNT_OF(tests));
}
