# SPDX-License-Identifier: Apache-2.0
"""A node as a process of its own, to be killed: node_process.py ROUTE PORT; prints its port."""
import sys
import time

from nodes import Node

node = Node(sys.argv[1], port=int(sys.argv[2]))
print(node.port, flush=True)
while True:
    time.sleep(3600)
