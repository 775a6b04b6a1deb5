/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One exchange with an AJP node, for the files that write it and read it. The codec of the library
 * knows what may follow what and what is owed; here bytes go between it and nginx's buffers.
 */
#ifndef NGX_MCMP_TRAFFIC_AJP_H
#define NGX_MCMP_TRAFFIC_AJP_H

#include "traffic.h"

struct ngx_mcmp_ajp_s {
    ngx_queue_t queue; /* of the free ones */
    mcmp_ajp_proxy *proxy;
    mcmp_ajp_proxy *pinger; /* asks whether the node lives; made when it is needed */
    uint32_t packet;        /* its max_packet */
    ngx_chain_t *in;        /* the request's content that is in no packet yet */
    off_t taken;            /* of the first buf of in: is in packets that have not left */
    ngx_chain_t *free;
    ngx_chain_t *busy;
    ngx_buf_t *head;         /* the Forward Request */
    off_t sent;              /* of the connection, as the codec knows it */
    ngx_msec_t read_timeout; /* while a CPing is out */
    unsigned last : 1;       /* in ends with the last of the content */
    unsigned began : 1;      /* the Forward Request is on its way */
    unsigned ended : 1;      /* End Response came */
    unsigned more : 1;       /* and something behind it */
    unsigned ping : 1;       /* a CPing is to be answered first */
    unsigned pinged : 1;     /* it was sent */
};

#define NGX_MCMP_AJP_TAG ((ngx_buf_tag_t)&ngx_http_mcmp_traffic_module)

/* traffic_ajp_body.c */
ngx_int_t ngx_mcmp_ajp_output(void *data, ngx_chain_t *in);

/* traffic_ajp_answer.c */
ngx_int_t ngx_mcmp_ajp_process_header(ngx_http_request_t *r);
ngx_int_t ngx_mcmp_ajp_filter_init(void *data);
ngx_int_t ngx_mcmp_ajp_filter(void *data, ssize_t bytes);
ngx_int_t ngx_mcmp_ajp_pipe_filter(ngx_event_pipe_t *p, ngx_buf_t *buf);

/* traffic_ajp_head.c: the answer's head becomes nginx's. */
ngx_int_t ngx_mcmp_ajp_take_head(ngx_mcmp_traffic_t *t, const mcmp_http_head *head);

/* traffic_ajp_facts.c */
void ngx_mcmp_ajp_facts(ngx_mcmp_traffic_t *t, mcmp_ajp_facts *facts);

#endif
