/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Forms of what a saved state says: the same that CONFIG and its like take (MCMP 3), so that a file
 * can bring nothing into the store that a message could not, whoever wrote it.
 */
#include "model/state.h"

#define MAX_PORT 65535u
#define MAX_VHOST 0x7fffffffu

/* MCMP 1: neither control characters nor quotes nor angle brackets; and none of `marks`. */
static int is_clean(mcmp_span text, const char *marks)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if (c < 0x20 || c == 0x7f || strchr("<>\"'", c) != NULL || strchr(marks, c) != NULL)
            return 0;
    }
    return 1;
}

static int is_name(mcmp_span text, size_t max, const char *marks)
{
    return text.len != 0 && text.len <= max && is_clean(text, marks);
}

static int is_lower(mcmp_span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (mcmp__lower(text.ptr[i]) != text.ptr[i])
            return 0;
    return 1;
}

static int is_time(mcmp_time time)
{
    return time >= 0 && time <= MCMP__STATE_MAX_TIME;
}

static int is_wildcard(const uint8_t address[16])
{
    static const uint8_t none[16] = { 0 };
    static const uint8_t mapped[16] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

    return memcmp(address, none, sizeof(none)) == 0 || memcmp(address, mapped, sizeof(mapped)) == 0;
}

/* MCMP 3.1: a name, an IPv4 address, or an IPv6 one in brackets; never one that means all. */
static int is_host(mcmp_span host)
{
    uint8_t address[16];

    if (host.len == 0 || host.len > MCMP__STATE_HOST)
        return 0;
    if (host.ptr[0] == '[')
        return host.len > 2 && host.ptr[host.len - 1] == ']' &&
               is_name(mcmp__span(host.ptr + 1, host.len - 2), MCMP__STATE_NAME, ",[] %") &&
               memchr(host.ptr, ':', host.len) != NULL && mcmp__address_parse(host, address) == 0 &&
               !is_wildcard(address);
    if (!is_clean(host, ",[] :/?#@\\") || mcmp__span_is(host, "*"))
        return 0;
    return mcmp__address_parse(host, address) != 0 || !is_wildcard(address);
}

const char *mcmp__form_balancer(const mcmp__state_balancer *balancer)
{
    const mcmp__balancer_data *data = &balancer->data;

    if (!is_name(data->name, MCMP__STATE_NAME, ",[]") || !is_lower(data->name))
        return "its name is none";
    if (!is_name(data->cookie, MCMP__STATE_NAME, ",[] ") ||
        !is_name(data->path, MCMP__STATE_NAME, ",[] "))
        return "its cookie or path parameter is no name";
    if (!is_time(data->wait_worker))
        return "its time to wait is none";
    return data->max_attempts <= INT32_MAX ? NULL : "its number of attempts is out of range";
}

static const char *form_of_numbers(const mcmp__state_node *node)
{
    const mcmp__node_data *data = &node->data;

    if (!is_time(data->flushwait) || !is_time(data->ping) || !is_time(data->ttl) ||
        !is_time(data->timeout))
        return "a time is out of range";
    if (node->load < -1 || node->load > 100)
        return "its load is out of range";
    if (node->status_age != -1 && !is_time(node->status_age))
        return "the age of its STATUS is none";
    return node->id >= 1 && node->id <= MCMP__STATE_MAX_ID ? NULL : "its id is out of range";
}

const char *mcmp__form_node(const mcmp__state_node *node)
{
    const mcmp__node_data *data = &node->data;

    if (!is_name(data->route, MCMP__STATE_NAME, ",[] ") || mcmp__span_is(data->route, "REMOVED"))
        return "its route is none";
    if (data->domain.len > MCMP__STATE_NAME || !is_clean(data->domain, ",[]"))
        return "its domain is none";
    if (!is_host(data->host))
        return "its host is none";
    if (data->port == 0 || data->port > MAX_PORT)
        return "its port is none";
    if (data->scheme > MCMP_SCHEME_WSS || data->flushpackets > MCMP_FLUSH_AUTO ||
        data->owner[0] > 2)
        return "a kind is unknown";
    return form_of_numbers(node);
}

const char *mcmp__form_alias(const mcmp__state_alias *alias)
{
    if (!is_name(alias->name, MCMP__STATE_NAME, ",") || !is_lower(alias->name))
        return "its name is none";
    return alias->vhost >= 1 && alias->vhost <= MAX_VHOST ? NULL : "its number is out of range";
}

const char *mcmp__form_context(const mcmp__state_context *context)
{
    mcmp_span path = mcmp__span(context->path, context->len);

    if (!is_name(path, MCMP__STATE_CONTEXT, ",") || (path.len > 1 && path.ptr[path.len - 1] == '/'))
        return "its path is none";
    if (context->status < MCMP_STATUS_ENABLED || context->status > MCMP_STATUS_STOPPED)
        return "its status is unknown";
    return NULL;
}

const char *mcmp__form_domain(const mcmp__state_domain *domain)
{
    if (!is_name(domain->route, MCMP__STATE_NAME, ",[] "))
        return "its route is none";
    if (!is_name(domain->domain, MCMP__STATE_NAME, ",[]"))
        return "its domain is none";
    return is_time(domain->age) ? NULL : "its age is none";
}
