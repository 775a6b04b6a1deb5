# SPDX-License-Identifier: Apache-2.0
"""Each flag of --help stands in the manual page of the program, and the other way round.

usage: manuals.py PROGRAM PAGE
"""
import re
import subprocess
import sys

program, page = sys.argv[1:3]
help_text = subprocess.run([program, '--help'], capture_output=True, text=True, check=True).stdout
in_help = set(re.findall(r'--([a-z][a-z0-9-]*)', help_text))
with open(page, encoding='utf-8') as file:
    in_page = set(re.findall(r'^\.It Fl Fl ([a-z][a-z0-9-]*)', file.read(), re.M))
for flag in sorted(in_help - in_page):
    print(f'{page}: --{flag} of --help is missing')
for flag in sorted(in_page - in_help):
    print(f'{page}: --{flag} is not in --help')
sys.exit(1 if in_help != in_page or not in_page else 0)
