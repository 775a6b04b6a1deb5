/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options as messages, see registration.h. What differs from the protocol's default is sent,
 * as the Java client does (JAVA-CLIENT 1).
 */
#include "registration.h"
#include "text.h"

#include <string.h>

static void set_text(mcmp_message *message, uint64_t field, mcmp_span *to, const char *text,
                     const char *standard)
{
    if (text == NULL || (standard != NULL && strcmp(text, standard) == 0))
        return;
    message->given |= field;
    *to = node_span_of(text);
}

static void set_time(mcmp_message *message, uint64_t field, mcmp_time *to, mcmp_time value)
{
    if (value == NODE_NOT_GIVEN)
        return;
    message->given |= field;
    *to = value;
}

static void fill_balancer(const node_options *options, mcmp_message *message)
{
    set_text(message, MCMP_FIELD_BALANCER, &message->balancer, options->balancer, NULL);
    set_text(message, MCMP_FIELD_STICKY_COOKIE, &message->sticky_cookie, options->sticky_cookie,
             "JSESSIONID");
    set_text(message, MCMP_FIELD_STICKY_PATH, &message->sticky_path, options->sticky_path,
             "jsessionid");
    set_time(message, MCMP_FIELD_WAIT_WORKER, &message->wait_worker, options->wait_worker);
    if (options->sticky == 0)
        message->given |= MCMP_FIELD_STICKY;
    if (options->sticky_force != 1)
        message->given |= MCMP_FIELD_STICKY_FORCE;
    if (options->sticky_remove == 1) {
        message->given |= MCMP_FIELD_STICKY_REMOVE;
        message->flags |= MCMP_COMMAND_STICKY_REMOVE;
    }
    if (options->max_attempts != NODE_NOT_GIVEN) {
        message->given |= MCMP_FIELD_MAX_ATTEMPTS;
        message->max_attempts = (uint32_t)options->max_attempts;
    }
}

static void fill_node(const node_options *options, mcmp_message *message)
{
    set_text(message, MCMP_FIELD_DOMAIN, &message->domain, options->domain, NULL);
    set_time(message, MCMP_FIELD_PING, &message->ping, options->ping);
    set_time(message, MCMP_FIELD_TTL, &message->ttl, options->ttl);
    set_time(message, MCMP_FIELD_TIMEOUT, &message->timeout, options->timeout);
    set_time(message, MCMP_FIELD_FLUSHWAIT, &message->flushwait, options->flushwait);
    if (options->flushpackets >= 0) {
        message->given |= MCMP_FIELD_FLUSHPACKETS;
        message->flushpackets = (uint32_t)options->flushpackets;
    }
    if (options->smax != NODE_NOT_GIVEN) {
        message->given |= MCMP_FIELD_SMAX;
        message->smax = (int32_t)options->smax;
    }
}

void node_registration_fill(node_registration *registration, const node_options *options,
                            uint32_t port)
{
    mcmp_message *message = &registration->message;

    mcmp_message_init(message);
    message->given = MCMP_FIELD_JVMROUTE | MCMP_FIELD_HOST | MCMP_FIELD_PORT | MCMP_FIELD_TYPE;
    message->user_agent = node_span_of("mcmp-node/" MCMP_VERSION);
    message->jvm_route = node_span_of(options->route);
    message->host = options->backend_host;
    message->port = port;
    message->scheme = options->scheme;
    fill_node(options, message);
    fill_balancer(options, message);
    for (size_t i = 0; i < options->alias_count; i++)
        registration->aliases[i] = node_span_of(options->aliases[i]);
    for (size_t i = 0; i < options->context_count; i++)
        registration->contexts[i] = node_span_of(options->contexts[i]);
    message->aliases = registration->aliases;
    message->alias_count = options->alias_count;
    message->contexts = registration->contexts;
    message->context_count = options->context_count;
}
