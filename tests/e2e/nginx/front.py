# SPDX-License-Identifier: Apache-2.0
"""nginx with the module in the place of mcmp-server: takes its flags where they mean the same, so
that what was written for one host is asked of the other, too."""
import configparser

from nginx import Nginx

PLACES = {
    '--recalc': ('http', 'mcmp_timing recalc={};'),
    '--silent-after': ('http', 'mcmp_timing silent_after={};'),
    '--grace': ('http', 'mcmp_timing grace={};'),
    '--max-failed-probes': ('http', 'mcmp_probe failures={};'),
    '--no-context-status': ('http', 'mcmp_no_context_status {};'),
    '--node-timeout': ('server', 'proxy_read_timeout {0}; proxy_send_timeout {0};'),
    '--body-timeout': ('server', 'client_body_timeout {};'),
    '--send-timeout': ('server', 'send_timeout {};'),
    '--ajp-ping-idle': ('server', 'mcmp_ajp_ping {}ms;'),
    '--max-head': ('server', 'large_client_header_buffers 8 {};'),
    '--max-headers': ('server', ''),
    '--log-level': ('server', ''),
}
SWITCHES = {
    '--use-alias': ('http', 'mcmp_use_alias on;'),
    '--ranked-routes': ('http', 'mcmp_options ranked_routes;'),
    '--deterministic-failover': ('http', 'mcmp_options deterministic;'),
}
SETTINGS = {'secret': 'mcmp_ajp_secret {value} {scope};',
            'max-packet': 'mcmp_ajp_packet_size {value} {scope};',
            'upgrade-endpoint': 'mcmp_upgrade port={value} {scope};'}


def node_settings(path):
    """The file of --node-settings as directives."""
    parser = configparser.ConfigParser()
    parser.read(path, encoding='ascii')
    lines = []
    for section in parser.sections():
        scope = '' if section == '*' else '{}={}'.format(*section.split(' ', 1))
        for key, value in parser.items(section):
            lines.append(SETTINGS[key].format(value=value, scope=scope))
    return ' '.join(lines)


class Front(Nginx):
    """flags as of mcmp-server; streaming: bodies go on as they come, as they do there."""

    def __init__(self, *flags, workers=1, streaming=True, server='', http='', **parts):
        lines = {'http': [http], 'server': [server]}
        words = [str(flag) for flag in flags]
        options = [SWITCHES[word][1].split()[1].rstrip(';') for word in words
                   if SWITCHES.get(word, ('', ''))[1].startswith('mcmp_options')]
        if options:
            lines['http'].append(f'mcmp_options {" ".join(options)};')
        while words:
            word = words.pop(0)
            if word == '--node-settings':
                lines['server'].append(node_settings(words.pop(0)))
            elif word in PLACES:
                place, line = PLACES[word]
                lines[place].append(line.format(words.pop(0)))
            elif not SWITCHES[word][1].startswith('mcmp_options'):
                lines[SWITCHES[word][0]].append(SWITCHES[word][1])
        if streaming:
            lines['server'].append('proxy_request_buffering off; proxy_buffering off;')
        lines['server'].append('client_max_body_size 0; '
                               'proxy_set_header X-Forwarded-For $remote_addr;')
        super().__init__(workers=workers, server='\n'.join(lines['server']),
                         http='\n'.join(lines['http']), **parts)
