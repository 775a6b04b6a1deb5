# SPDX-License-Identifier: Apache-2.0
"""Configurations: those of the existing module load as they are, and what is wrong is told by its
name with what is allowed."""
import glob
import os
import re
import shutil
import subprocess

import pytest

import httpd
from httpd import Httpd, check

CONF = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'conf')
OLD = ('manager', 'proxy_cluster', 'advertise')


def load_old_names():
    """The existing module's LoadModule lines, each now naming the one file."""
    return ''.join(f'LoadModule {name}_module {httpd.MODULES}/mod_mcmp.so\n' for name in OLD)


def read(name):
    with open(os.path.join(CONF, name), encoding='utf-8') as file:
        return file.read()


@pytest.mark.parametrize('name', sorted(os.path.basename(path)
                                        for path in glob.glob(os.path.join(CONF, '*.conf'))))
def test_configurations_of_the_existing_module_load_unchanged(name):
    main = load_old_names() + read(name)
    code, said = check('Listen 127.0.0.1:@traffic@\n' + main)
    assert code == 0 and 'Syntax OK' in said, said
    with Httpd(main, receive=False) as server:
        answer = httpd.mcmp.send(server.address('mcmp'), 'PING')
        assert answer.status == 200 and b'State=OK' in answer.body


def test_the_names_of_the_existing_modules_open_their_sections():
    text = load_old_names() + ''.join(f'<IfModule {name}_module>\nDefine saw_{name}\n</IfModule>\n'
                                      for name in OLD)
    text += ''.join(f'<IfDefine !saw_{name}>\nError "{name} is missing"\n</IfDefine>\n'
                    for name in OLD)
    code, said = check('Listen 127.0.0.1:@traffic@\n' + text)
    assert code == 0, said


MCMP = '<VirtualHost *:@a@>\n%s\n</VirtualHost>\n'
SWITCH = 'must be On, Off, 1 or 0, not "maybe"'


@pytest.mark.parametrize('text,wanted', [
    *((f'{name} maybe', f'{name} {SWITCH}') for name in (
        'UseAlias', 'DeterministicFailover', 'UseNocanon', 'PersistSlots', 'CheckNonce',
        'AllowDisplay', 'AllowCmd', 'ReduceDisplay', 'EnableOptions', 'EnableWsTunnel',
        'MCMPAllOrNothing', 'MCMPProbeAnyEndpoint')),
    ('EnableOptions On Off', 'EnableOptions takes no argument, On or Off'),
    ('CreateBalancers 3', 'CreateBalancers must be a whole number from 0 to 2, not "3"'),
    ('CreateBalancers x', 'CreateBalancers must be a whole number from 0 to 2, not "x"'),
    ('LBstatusRecalTime 0', 'LBstatusRecalTime must be a whole number from 1 to 86400'),
    ('WaitBeforeRemove 9', 'WaitBeforeRemove must be a whole number from 10 to 86400, not "9"'),
    ('CacheShareFor -1', 'CacheShareFor must be a whole number from 0'),
    ('ResponseStatusCodeOnNoContext 99', 'ResponseStatusCodeOnNoContext must be'),
    ('ModProxyClusterThreadCount 0', 'ModProxyClusterThreadCount must be a whole number from 1'),
    ('ModProxyClusterHCTemplate', 'ModProxyClusterHCTemplate needs at least one key=value'),
    ('ModProxyClusterHCTemplate hcfoo=1', 'with a key of hcinterval, hcpasses'),
    ('ModProxyClusterHCTemplate hcmethod', 'with a key of hcinterval, hcpasses'),
    ('ModProxyClusterHCTemplate hcmethod=FETCH', 'hcmethod must be'),
    ('ModProxyClusterHCTemplate hcinterval=0', 'hcinterval must be'),
    ('ModProxyClusterHCTemplate hcpasses=x', 'hcpasses must be'),
    ('ModProxyClusterHCTemplate hcfails=-1', 'hcfails must be'),
    ('ModProxyClusterHCTemplate hcuri=health', 'hcuri must be a path'),
    ('ModProxyClusterHCTemplate hcexpr=x', 'hcexpr must be the name of a ProxyHCExpr, not "x"'),
    ('ModProxyClusterHCTemplate hctemplate=x', 'hctemplate must be the name of a ProxyHCTemplate'),
    ('Maxnode 0', 'Maxnode must be a whole number from 1'),
    ('Maxhost 1x', 'Maxhost must be a whole number from 1'),
    ('Maxcontext', 'Maxcontext takes one argument'),
    ('Maxsessionid -1', 'Maxsessionid must be a whole number from 0'),
    ('MaxMCMPMessSize 1023', 'MaxMCMPMessSize must be a whole number from 1024'),
    ('ManagerBalancerName ' + 'b' * 40, 'ManagerBalancerName must have 1 to 39 characters, not 40'),
    ('ResponseFieldSize 0', 'ResponseFieldSize must be a whole number from 1'),
    ('AJPSecret ' + 's' * 64, 'AJPSecret must have 1 to 63 characters, not 64'),
    ('ServerAdvertise maybe', 'ServerAdvertise must be On or Off'),
    ('ServerAdvertise On ftp://x', 'ServerAdvertise must be On or Off and [http[s]://]HOST[:PORT]'),
    ('AdvertiseGroup x:y:z', 'AdvertiseGroup must be ADDRESS[:PORT]'),
    ('AdvertiseFrequency 0', 'AdvertiseFrequency must be SECONDS[.MILLISECONDS]'),
    ('AdvertiseFrequency 5.', 'AdvertiseFrequency must be SECONDS[.MILLISECONDS]'),
    ('AdvertiseFrequency 5.1000', 'AdvertiseFrequency must be SECONDS[.MILLISECONDS]'),
    ('MCMPPolicy best', 'MCMPPolicy must be one of lbfactor, busyness, two-choices, hash, not'),
    ('MCMPReplacePolicy yes', 'MCMPReplacePolicy must be one of probe-old, refuse, last-writer'),
    ('MCMPAuthorize', 'MCMPAuthorize needs at least one network'),
    ('MCMPAuthorize 10.0.0.0/33', 'MCMPAuthorize must be a list of addresses, CIDRs'),
    ('MCMPAuthorize certificate CN=a', 'needs a name and at least one route'),
    ('MCMPProbeMethod "a b"', 'MCMPProbeMethod must be a method'),
    ('MCMPProbePath "/a b"', 'MCMPProbePath must be printable ASCII without blanks'),
    ('MCMPProbeHost "a b"', 'MCMPProbeHost must be printable ASCII without blanks'),
    *((f'ServerAdvertise On {url}', 'ServerAdvertise must be On or Off and [http[s]://]HOST[:PORT]')
      for url in ('http://', 'x:99999', 'http://h:0', 'h:x')),
    ('AdvertiseManagerUrl "a b"', 'AdvertiseManagerUrl must be printable ASCII without blanks'),
    ('WSUpgradeHeader "a b"', 'WSUpgradeHeader must be printable ASCII without blanks'),
    ('MCMPProbePath x', 'MCMPProbePath must be * or a path that begins with /, not "x"'),
    ('MCMPProbeMethod A,B', 'MCMPProbeMethod must be a method, such as OPTIONS or GET, not "A,B"'),
    ('MCMPAuthorize certificate "" r', 'needs a name and at least one route'),
    ('MCMPSlowStart x', 'MCMPSlowStart must be a whole number from 0'),
    ('MCMPProbeGoodBelow 100', 'MCMPProbeGoodBelow must be a whole number from 101 to 600'),
    ('EnableMCMPReceive', 'EnableMCMPReceive must be inside of a <VirtualHost>'),
    (MCMP % 'EnableMCMPReceive maybe', 'EnableMCMPReceive takes no argument, On or Off'),
    (MCMP % 'EnableMCPMReceive\n<Directory />\n</Directory>', 'EnableMCPMReceive and <Directory>'),
    (MCMP % '<DirectoryMatch x>\n</DirectoryMatch>\nEnableMCMPReceive',
     'EnableMCMPReceive and <DirectoryMatch>'),
    *((MCMP % f'{name} {value}', f'{name} cannot occur within <VirtualHost> section')
      for name, value in (('Maxnode', 5), ('Maxhost', 5), ('Maxcontext', 5), ('Maxsessionid', 5),
                          ('MemManagerFile', 'x'), ('PersistSlots', 'On'), ('MCMPStateFile', 'x'))),
    ('<Location />\nUseAlias On\n</Location>', 'UseAlias not allowed'),
])
def test_wrong_arguments_are_told_by_name_with_what_is_allowed(text, wanted):
    code, said = check('Listen 127.0.0.1:@traffic@\n' + text + '\n')
    assert code != 0 and wanted in said, said


def test_secrets_are_not_repeated():
    code, said = check('Listen 127.0.0.1:@traffic@\nAJPSecret "geheim\x01"\n')
    assert code != 0 and 'AJPSecret' in said and 'geheim' not in said


def test_settings_without_effect_are_told_once():
    with Httpd('CacheShareFor 5\nMaxhost 30\n') as server:
        log = server.log()
        assert log.count('CacheShareFor has no effect') == 1
        assert 'Maxhost is raised' not in log
        server.reconfigure('Maxnode 40\nMaxhost 30\nMaxcontext 35\n')
        server.graceful()
        log = server.log()
        assert log.count('Maxhost is raised from 30 to Maxnode, 40') == 1
        assert log.count('Maxcontext is raised from 35 to Maxhost, 40') == 1


def test_sizes_that_cannot_be_are_told_before_the_start():
    for name, value in (('ManagerBalancerName', '"a<b"'), ('Maxnode', '5000000')):
        code, said = check(f'Listen 127.0.0.1:@traffic@\n{name} {value}\n')
        assert code != 0 and f'] {name}: ' in said, said


SOURCES = os.path.join(CONF, '../../../../examples/httpd')


def source(name):
    with open(os.path.join(SOURCES, name), encoding='utf-8') as file:
        return file.read()


def test_the_sample_configuration_loads():
    sample = source('mcmp-sample.conf').replace('6666', '@mcmp@')
    code, said = check('Listen 127.0.0.1:@traffic@\n' + source('proxy_mcmp.conf') + sample)
    assert code == 0, said


@pytest.mark.skipif(not os.path.exists('/etc/apache2/mods-available/proxy.load'),
                    reason="no layout like Debian's")
def test_a2enmod_takes_the_files(tmp_path):
    """Names decide the order of loading, and mod_proxy has to come first."""
    folder = tmp_path / 'apache2'
    shutil.copytree('/etc/apache2', folder, symlinks=True)
    module = os.path.join(httpd.MODULES, 'mod_mcmp.so')
    available = folder / 'mods-available'
    for name in ('proxy_mcmp.load', 'proxy_mcmp.conf'):
        text = source(name).replace('/usr/lib/apache2/modules/mod_mcmp.so', module)
        (available / name).write_text(text)
    env = {**httpd.environment(), 'APACHE_CONFDIR': str(folder), 'APACHE_RUN_USER': 'www-data',
           'APACHE_RUN_GROUP': 'www-data'}
    env.update({f'APACHE_{kind}_DIR': str(tmp_path) for kind in ('RUN', 'LOG', 'LOCK')})
    env['APACHE_PID_FILE'] = str(tmp_path / 'pid')
    subprocess.run(['a2enmod', '-q', 'proxy_http', 'proxy_mcmp'], env=env, check=True, timeout=60,
                   capture_output=True)
    done = subprocess.run([httpd.APACHE, '-d', folder, '-f', folder / 'apache2.conf', '-M'], env=env,
                          capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0 and 'mcmp_module (shared)' in done.stdout, done.stderr


def test_the_readme_names_each_directive():
    listed = set(re.findall(r'^    [A-Z_0-9]+\("(\w+)"', source('directives.c'), re.M))
    assert len(listed) > 45
    told = set(re.findall(r'\b(\w+)\b', source('README.md').split('## Directives')[1]))
    assert listed <= told, listed - told
