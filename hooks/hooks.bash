# What every interactive bash of a student does for devenv: it keeps one small file on tmpfs that says whether the
# shell waits or runs, what was typed, and how it ended. Hints only: the agent finds everything by itself too.
# Rules: no fork, no wait, no network; nothing that the student sees or has ($?, $_, traps, PROMPT_COMMAND) changes.
# Each construct below is the one that survived `set -eux`, functrace, extdebug, own traps and arrays; see the tests.

if [[ -z ${BASH_VERSION-} || ${BASH_VERSINFO[0]} -lt 5 || ! -d /run/devenv/shells ]]; then
  return 0
fi
# `bash -v` prints all that is read here anyway; a restricted shell may redirect nothing.
if [[ $- == *[vr]* ]] || builtin shopt -q restricted_shell; then
  return 0
fi
# Under `set -a` all of this would be in every program's environment. What is assigned later is an element of an array:
# bash marks those as exported by no assignment.
__devenv_allexport[0]=${-//[!a]/}
builtin set +a

__devenv_file=/run/devenv/shells/$$
__devenv_mail=/run/devenv/messages/$$
__devenv_count=0
__devenv_armed=0
__devenv_port=
__devenv_welcome=
# A nested shell has greeted already.
[[ ${SHLVL-1} == 1 ]] && __devenv_welcome=1

# Field 22 of stat, counted behind the name's last parenthesis: tells this shell from a later one with the same pid.
{
  IFS= read -r __devenv_start </proc/$$/stat
  IFS=' ' read -ra __devenv_start <<<"${__devenv_start##*) }"
  __devenv_start=${__devenv_start[19]-0}
  # Read again, or by `exec bash`: goes on counting, since each line that is typed has a number of its own.
  IFS= read -r __devenv_line <"$__devenv_file" || __devenv_line=
  if [[ ${__devenv_line:28:20} == "$__devenv_start "* && ${__devenv_line:0:10} =~ ^([0-9]+)\ *$ ]]; then
    __devenv_count=${BASH_REMATCH[1]}
    __devenv_welcome=
  elif [[ -s $__devenv_mail ]]; then
    # For an earlier shell with this pid, which was killed.
    >|"$__devenv_mail"
  fi
} 2>/dev/null

# In place (1<>) and of fixed width: a reader never sees it empty, and a dead agent or a full disk never stops us.
# Bytes may be cut in the middle of a letter: the agent reads what is there. phase, command
__devenv_write() {
  __devenv_count[0]=$((__devenv_count + 1))
  builtin printf '%-10.10s%-8.8s%-8.8s%-2.2s%-20.20s%-160.160s\n' "$__devenv_count" "$1" "${__devenv_port:-ok}" \
    "${DEVENV_QUIET-0}" "$__devenv_start" "${2//[[:cntrl:]]/ }" 1<>"$__devenv_file"
} 2>/dev/null

# What PORT says now, and one line when that has changed for the worse.
__devenv_check_port() {
  builtin local now=ok
  if [[ -z ${DEVENV_PORT-} ]]; then
    now=ok
  elif [[ -z ${PORT-} ]]; then
    now=unset
  elif [[ $PORT != "$DEVENV_PORT" ]]; then
    now=changed
  fi
  [[ $now == "$__devenv_port" ]] && return 0
  __devenv_port[0]=$now
  [[ ${DEVENV_QUIET-} == 1 ]] && return 0
  case $now in
  unset) builtin printf '%s\n' "no port defined, not public: what you start here has no link. Get it back: export PORT=$DEVENV_PORT" ;;
  changed) builtin printf '%s\n' "PORT is $PORT, not $DEVENV_PORT, so not public: what you start here has no link. Get it back: export PORT=$DEVENV_PORT" ;;
  esac
  return 0
}

# Under `set -v` bash prints what it reads, the text of traps and of PROMPT_COMMAND too; after `set -r` each of our
# redirections is an error. So there is nothing of ours then but the arithmetic in PS0, which comes back by itself.
__devenv_step_aside() {
  __devenv_aside[0]=1
  builtin unset 'PROMPT_COMMAND[9]'
  # One of the student's own, even with ours in it, is theirs.
  [[ $(builtin trap -p EXIT) != "trap -- '$__devenv_exit_trap' EXIT" ]] || builtin trap - EXIT
}

__devenv_trap_exit() {
  # In POSIX mode bash writes `trap -- - EXIT` for none.
  [[ $(builtin trap -p EXIT) != @(|trap\ --\ -\ EXIT) ]] || builtin trap "$__devenv_exit_trap" EXIT
}

# A line begins. One that turns -v or -r on is known by its first words: at its prompt it is too late.
__devenv_run() {
  __devenv_write run "$1"
  [[ $1 != set\ -@(o\ verbose|*([a-zA-Z])[vr])* ]] || __devenv_step_aside
}

# At every prompt: messages that came meanwhile, and "this shell waits".
__devenv_prompt() {
  builtin local lines
  if [[ $- == *[vr]* ]]; then
    # Turned on by a script or a function: our text has been printed, this once.
    __devenv_step_aside
  elif [[ -n ${__devenv_aside-} ]]; then
    builtin unset __devenv_aside
    __devenv_trap_exit
  fi
  # Where the file can't be written, nothing is known of traps, and none is touched.
  __devenv_line[0]=
  # No trap saw the line's start, or none was needed: the one that is set now must wait for the next.
  __devenv_armed[0]=0
  if [[ -n $__devenv_welcome && -t 1 ]]; then
    __devenv_welcome[0]=
    # Asked only here: the student's own files, which may want silence, are read after this one.
    if [[ ${DEVENV_QUIET-} != 1 ]]; then
      builtin printf '%s\n' "Your link is ${DEVENV_URL-}, public while you run something here (try: cd hello && npm run dev)." \
        "Your PORT is ${DEVENV_PORT-}. devenv-status tells how things are."
    fi
  fi
  # The usual case without a call: this runs behind every line.
  [[ $__devenv_port == ok && ${PORT-} == "${DEVENV_PORT-}" ]] || __devenv_check_port
  __devenv_write prompt ''
  if [[ -s $__devenv_mail && -t 1 ]]; then
    builtin mapfile -t lines <"$__devenv_mail"
    if [[ ${DEVENV_QUIET-} != 1 ]]; then builtin printf '%s\n' "${lines[@]}"; fi
    >|"$__devenv_mail"
  fi
  # With promptvars off, bash would print PS0's arming as text.
  builtin shopt -q promptvars || PS0=${PS0//"$__devenv_arm"/}
  return 0
}

# A hint only: after `exit` and Ctrl-D standard input is still a terminal, after a hang-up it is not.
__devenv_exit() {
  if [[ -t 0 ]]; then __devenv_write exited ''; else __devenv_write lost ''; fi
} 2>/dev/null

# The end of what `__devenv_hide` begins. One command: where functions are traced, a second one would be seen.
__devenv_show() {
  builtin unset COMP_LINE COMP_POINT \
    ${__vsc_in_command_execution+${__devenv_none[(__vsc_in_command_execution=__devenv_vsc)]-}} \
    ${_LP_AT_PROMPT+${__devenv_none[(_LP_AT_PROMPT=__devenv_lp)]-}}
}

# PS0 is expanded once per line: its arithmetic arms the trap, prints nothing, and touches neither $? nor $_.
# Behind it, what stepped aside comes back: element 0 is set then, and asked for unless $- has v or r, or another
# element stands there ([^vr]: in POSIX mode a `!` would be the number of the line). Of the text, which `:=` expands to
# as well, the pattern leaves nothing.
__devenv_arm='${__devenv_none[(__devenv_armed[0]=1)]-}'\
'${__devenv_aside[36#0${-//[^vr]/}${PROMPT_COMMAND[9]+1}]+${__devenv_prompt_command#"${PROMPT_COMMAND[9]:=$__devenv_prompt_command}"}}'
# The trap takes itself away after the line's first command, so that loops cost nothing; ":" gives $_ back. A pasted
# here-document is part of its command, and patterns on all of it take a second: cut first, to what is written.
__devenv_debug='{ __devenv_last[0]=$_; if [[ $__devenv_armed == 1 ]]; then __devenv_armed[0]=0; trap - DEBUG; __devenv_run "${BASH_COMMAND:0:160}"; fi; : "$__devenv_last"; } 2>/dev/null'
# Preexec tools (bash-preexec, VS Code, liquidprompt, many a student's own) take any command that their DEBUG trap sees
# behind their part of PROMPT_COMMAND for a line that was typed. While ours run, such tools believe what makes them look
# away: that this is a completion (COMP_LINE), or that the line was seen. Arithmetic sets it, since an assignment would be
# seen itself; it is set where the group's target is expanded, before the first command, and taken back by the last.
__devenv_hide='${__devenv_none[(COMP_LINE=COMP_POINT=1)]-}'\
'${__vsc_in_command_execution+${__devenv_none[(__devenv_vsc[0]=__vsc_in_command_execution,__vsc_in_command_execution=1)]-}}'\
'${_LP_AT_PROMPT+${__devenv_none[(__devenv_lp[0]=_LP_AT_PROMPT,_LP_AT_PROMPT=0)]-}}'
# `trap -p` tells of the student's own DEBUG trap only at the top level, not where a tool runs PROMPT_COMMAND in a
# function. The x shows that the file could be written.
__devenv_prompt_command='{
__devenv_prompt
{ builtin trap -p DEBUG; builtin printf x; } >|"$__devenv_file.trap"; IFS= builtin read -r -d "" "__devenv_line[0]" <"$__devenv_file.trap"
[[ $__devenv_line == @(|trap\ --\ -\ *)x && -z ${__devenv_aside-}${FUNCNAME-} ]] && builtin trap "$__devenv_debug" DEBUG
__devenv_show
} 2>"/dev/null'$__devenv_hide'" || { __devenv_step_aside; __devenv_show; }'

[[ ${PS0-} == *"$__devenv_arm"* ]] || PS0+=$__devenv_arm
# Element 0 is what `$PROMPT_COMMAND` says, and stays as it was: `${PROMPT_COMMAND:+$PROMPT_COMMAND;}mine` has to work.
PROMPT_COMMAND[9]=$__devenv_prompt_command
__devenv_exit_trap='{ __devenv_exit; } 2>"/dev/null'$__devenv_hide'"'
__devenv_trap_exit
__devenv_write start ''
[[ -z $__devenv_allexport ]] || builtin set -a
