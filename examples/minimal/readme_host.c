/* SPDX-License-Identifier: Apache-2.0 */
/* The smallest host: a node registers (bytes from anywhere), a request asks for its node. */
#include <libmcmp/libmcmp.h>
#include <stdio.h>

static const char wire[] = "CONFIG / HTTP/1.1\r\nContent-Length: 46\r\n\r\n"
                           "JVMRoute=n1&Host=127.0.0.1&Port=8080&Type=http"
                           "ENABLE-APP / HTTP/1.1\r\nContent-Length: 46\r\n\r\n"
                           "JVMRoute=n1&Alias=localhost&Context=/a,/a/shop";

int main(void)
{
    mcmp_peer peer = { sizeof(peer), { [10] = 255, 255, 127, 0, 0, 1 }, .has_address = 1 };
    mcmp_query query = { sizeof(query), .path = { "/a/shop/cart", 12 } };
    mcmp_selection selection = { .struct_size = sizeof(selection) };
    mcmp_cluster *cluster = NULL;
    mcmp_parser *parser = NULL;
    mcmp_response *response = NULL;
    size_t used = 0;
    int ok = mcmp_cluster_open(&cluster, NULL, NULL) == MCMP_OK &&
             mcmp_parser_new(&parser, NULL, NULL) == MCMP_OK &&
             mcmp_response_new(&response, NULL, NULL) == MCMP_OK;

    for (size_t at = 0; ok && at < sizeof(wire) - 1; at += used) {
        ok = mcmp_parser_feed(parser, wire + at, sizeof(wire) - 1 - at, &used, NULL) == MCMP_OK;
        if (ok)
            mcmp_parser_request(parser)->peer = &peer; /* who may manage: loopback and private */
        ok = ok && mcmp_apply(cluster, mcmp_parser_request(parser), response, NULL) == MCMP_OK;
    }
    if (ok && mcmp_select_node(cluster, &query, &selection, NULL) == MCMP_OK) {
        printf("%s goes to %.*s, port %u (%s)\n", query.path.ptr, (int)selection.route.len,
               selection.route.ptr, selection.port, mcmp_reason_name(selection.reason));
        mcmp_selection_release(cluster, &selection, NULL); /* after forwarding: with the outcome */
    }
    mcmp_response_free(response);
    mcmp_parser_free(parser);
    mcmp_cluster_close(cluster);
    return ok && selection.port == 8080 ? 0 : 1;
}
