# SPDX-License-Identifier: Apache-2.0
"""Real Tomcats behind nginx, over HTTP and over AJP, registered by mcmp-node: what the tests of
mcmp-server ask of an application's requests and answers, and of two nodes of a cluster."""
import os
import sys

import pytest

import front as ours

HERE = os.path.join(os.path.dirname(__file__), '../tomcat')
sys.path.insert(0, HERE)
del sys.modules['front']  # there is another one beside those tests

import front as theirs  # noqa: E402  pylint: disable=reimported
from agent import Agent  # noqa: E402
from tomcat import Tomcat  # noqa: E402


class Front(ours.Front):
    """As the other one, with nginx for mcmp-server."""

    def __init__(self, tomcats, kind, *flags, secret=None, packet=None, node_flags=(), **args):
        self.kind = kind
        self.tomcats = tomcats
        self.agents = {}
        lines = 'proxy_buffer_size 128k; proxy_buffers 8 128k; '
        if kind != 'http':
            lines += (f'mcmp_ajp_secret {secret or tomcats[0].secret}; mcmp_ajp_packet_size '
                      f'{packet or (65536 if kind == "ajp" else 8192)};')
        super().__init__(*flags, server=lines, **args)
        try:
            for tomcat in tomcats:
                self.join(tomcat, *node_flags)
        except BaseException:
            self.stop()
            raise

    def join(self, tomcat, *flags):
        node = Agent('--type', 'http' if self.kind == 'http' else 'ajp', '--context', '/app',
                     '--interval', '500ms', *flags, route=tomcat.route, demo=False,
                     backend=f'127.0.0.1:{tomcat.ports[self.kind]}',
                     proxies=['%s:%d' % self.management])
        self.agents[tomcat.route] = node
        node.log.wait(rf'registered as {tomcat.route} ')
        return node

    def show(self, path='/app/', **args):
        return theirs.shown(self.get(path, **args))

    def stop(self, expect=0):
        try:
            for node in self.agents.values():
                node.__exit__()
        finally:
            super().stop(expect)


theirs.Front = Front

import test_cluster as cluster_tests  # noqa: E402
import test_content as content_tests  # noqa: E402

two_tomcats = cluster_tests.two_tomcats
running_cluster = cluster_tests.running_cluster

# nginx refuses TRACE; the rest is asked by a test below
content_tests.METHODS.remove('TRACE')


@pytest.fixture(scope='module')
def tomcat():
    with Tomcat() as running:
        yield running


@pytest.fixture(scope='module', params=theirs.KINDS)
def front(tomcat, request):  # pylint: disable=redefined-outer-name
    with Front([tomcat], request.param) as running:
        yield running


# What nginx does in its own way with every upstream: it names the length of a body that turned out to
# be empty, stops an upload to an HTTP node when the answer has begun, closes behind an answer that came
# before the body was read, and drops a request whose client leaves, though all of it had come
# (test_stream.py leaves at every stage).
OWN_WAY = ('test_chunked_uploads_arrive_whole',
           'test_an_echo_passes_both_ways_at_once',
           'test_a_body_that_the_application_does_not_read_harms_nobody',
           'test_the_application_never_takes_a_broken_body_for_a_whole_one')
for each in (content_tests, cluster_tests):
    globals().update({name: value for name, value in vars(each).items()
                      if name.startswith('test_') and name not in OWN_WAY})


@pytest.mark.parametrize('chunked', [False, True])
def test_an_echo_over_ajp_passes_both_ways_at_once(tomcat, chunked):
    with Front([tomcat], 'ajp') as server:
        content_tests.test_an_echo_passes_both_ways_at_once(server, chunked)
