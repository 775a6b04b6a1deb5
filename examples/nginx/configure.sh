#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# configure.sh SOURCE OBJS MODULE: runs nginx's configure with the flags of the packaged server, for
# its headers and the list of modules. Quiet unless it fails. bash: the flags are an array.
set -eu
source=$1 objs=$2 module=$3
mkdir -p "$objs"
cd "$source"
. ./conf_flags
if ! ./configure --with-cc-opt="-O2 -fPIC" "${NGX_CONF_FLAGS[@]}" --add-dynamic-module="$module" \
    --builddir="$objs" >"$objs/configure.log" 2>&1; then
    cat "$objs/configure.log" >&2
    exit 1
fi
