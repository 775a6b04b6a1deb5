# SPDX-License-Identifier: Apache-2.0
# Completion of mcmpctl for bash: commands and flags from --help, routes from the proxy itself.

# The flags that say which proxy and how, from the line itself: bash splits words at = and : too.
_mcmpctl_proxy() {
    local words i
    read -ra words <<<"${COMP_LINE:0:COMP_POINT}."
    for ((i = 1; i < ${#words[@]} - 1; i++)); do
        case ${words[i]} in
        --proxy | --ca | --cert | --key) printf '%s\n' "${words[i]}" "${words[++i]}" ;;
        --proxy=* | --ca=* | --cert=* | --key=* | --tls | --insecure) printf '%s\n' "${words[i]}" ;;
        esac
    done
}

_mcmpctl_targets() {
    local flags=()
    mapfile -t flags < <(_mcmpctl_proxy)
    case $1 in
    */*) mcmpctl "${flags[@]}" --timeout 1s contexts 2>/dev/null | awk 'NR > 1 { print $3 $1 }' ;;
    *) mcmpctl "${flags[@]}" --timeout 1s nodes 2>/dev/null | awk 'NR > 1 { print $1 }' ;;
    esac | sort -u
}

_mcmpctl() {
    local word=${COMP_WORDS[COMP_CWORD]}
    local before=${COMP_WORDS[COMP_CWORD - 1]}
    local command=
    local i
    COMPREPLY=()
    case $before in
    --ca | --cert | --key | --key-file)
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return
        ;;
    --interface)
        mapfile -t COMPREPLY < <(compgen -W "$(ls /sys/class/net 2>/dev/null)" -- "$word")
        return
        ;;
    esac
    if [[ $word == --* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(mcmpctl --help | awk '$1 ~ /^--/ { print $1 }')" -- "$word")
        return
    fi
    local commands
    commands=$(mcmpctl --help | awk '/^Commands/ { on = 1; next } /^Flags/ { exit } on && NF { print $1 }')
    for ((i = 1; i < COMP_CWORD; i++)); do
        [[ " ${commands//$'\n'/ } " == *" ${COMP_WORDS[i]} "* ]] && command=${COMP_WORDS[i]}
    done
    case $command in
    '') mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$word") ;;
    enable | disable | stop | remove | drain | contexts | ping | config)
        mapfile -t COMPREPLY < <(compgen -W "$(_mcmpctl_targets "$word")" -- "$word")
        ;;
    bench) mapfile -t COMPREPLY < <(compgen -W 'ping info version status' -- "$word") ;;
    esac
}

complete -F _mcmpctl mcmpctl
