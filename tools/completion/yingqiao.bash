# Bash completion for yingqiao. The words come from the program's own command table (`yingqiao help --words`), so that
# they are never older than the program. Install: copy to /usr/share/bash-completion/completions/yingqiao
_yingqiao()
{
    local program=${COMP_WORDS[0]} word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}
    local command= i
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
            --conf|--data|--set) ((i++)) ;;
            -*|=) ;;
            *) command=${COMP_WORDS[i]}; break ;;
        esac
    done
    case $before in
        --data|--out) mapfile -t COMPREPLY < <(compgen -d -- "$word"); return ;;
        --conf) mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
        --may) mapfile -t COMPREPLY < <(compgen -W 'store query retrieve store,query,retrieve' -- "$word"); return ;;
        --level) mapfile -t COMPREPLY < <(compgen -W 'PATIENT STUDY SERIES IMAGE' -- "$word"); return ;;
        --charset) mapfile -t COMPREPLY < <(compgen -W 'GB18030 GBK ISO_IR\ 192 ISO_IR\ 100' -- "$word"); return ;;
    esac
    if [[ -z $command || $word == -* || $command == help ]]; then
        local about=$command
        [[ $command == help && $word != -* ]] && about=
        mapfile -t COMPREPLY < <(compgen -W "$("$program" help --words $about 2>/dev/null)" -- "$word")
    elif [[ $command == ae && $before == ae ]]; then
        mapfile -t COMPREPLY < <(compgen -W 'list add remove test' -- "$word")
    elif [[ $command == import || $command == send ]]; then
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
    fi
}
complete -o filenames -F _yingqiao yingqiao
