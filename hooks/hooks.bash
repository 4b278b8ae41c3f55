# Runs in every interactive bash of a student. It writes a small record on a tmpfs: whether the shell waits or runs a
# command, what was typed, and how the shell ended. The records are hints: without them the agent is slower but correct.
# Rules: no forks, no waiting, no network; nothing that the student sees or sets ($?, $_, traps, PROMPT_COMMAND) changes.
# Each construct below is the one that survived `set -eux`, functrace, extdebug, own traps and arrays; see the tests.

if [[ -z ${BASH_VERSION-} || ${BASH_VERSINFO[0]} -lt 5 || ! -d /run/devenv/shells ]]; then
  return 0
fi
# `bash -v` prints everything that it reads, this file included; a restricted shell can't redirect output.
if [[ $- == *[vr]* ]] || builtin shopt -q restricted_shell; then
  return 0
fi
# Under `set -a` bash would export all variables below to every program. Later assignments are to array elements, which
# bash never marks as exported.
__devenv_allexport[0]=${-//[!a]/}
builtin set +a

__devenv_file=/run/devenv/shells/$$
__devenv_messages=/run/devenv/messages/$$
__devenv_count=0
__devenv_armed=0
__devenv_port=
__devenv_welcome=
# A nested shell (SHLVL above 1) has already printed the welcome.
[[ ${SHLVL-1} == 1 ]] && __devenv_welcome=1

# Start time: field 22 of stat, counted from the name's last parenthesis. Distinguishes this shell from a later one with
# the same pid.
{
  IFS= read -r __devenv_start </proc/$$/stat
  IFS=' ' read -ra __devenv_start <<<"${__devenv_start##*) }"
  __devenv_start=${__devenv_start[19]-0}
  # This file was sourced again, or the student ran `exec bash`: the count goes on, since each typed line has its own number.
  IFS= read -r __devenv_line <"$__devenv_file" || __devenv_line=
  if [[ ${__devenv_line:28:20} == "$__devenv_start "* && ${__devenv_line:0:10} =~ ^([0-9]+)\ *$ ]]; then
    __devenv_count=${BASH_REMATCH[1]}
    __devenv_welcome=
  elif [[ -s $__devenv_messages ]]; then
    # These messages were for an earlier shell with this pid, which was killed.
    >|"$__devenv_messages"
  fi
} 2>/dev/null

# Writes the record. Arguments: phase, command. Written in place (1<>) and with a fixed width: readers never see an empty
# file, and neither a dead agent nor a full disk can block the shell. A multi-byte character may be cut; the agent copes.
__devenv_write_record() {
  __devenv_count[0]=$((__devenv_count + 1))
  builtin printf '%-10.10s%-8.8s%-8.8s%-2.2s%-20.20s%-160.160s\n' "$__devenv_count" "$1" "${__devenv_port:-ok}" \
    "${DEVENV_QUIET-0}" "$__devenv_start" "${2//[[:cntrl:]]/ }" 1<>"$__devenv_file"
} 2>/dev/null

# Checks PORT, and warns once when it becomes unset or wrong.
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
  unset) builtin printf '%s\n' "PORT is not set here, so your server won't be public. Run: export PORT=$DEVENV_PORT" ;;
  changed) builtin printf '%s\n' "PORT is $PORT here, not $DEVENV_PORT, so your server won't be public. Run: export PORT=$DEVENV_PORT" ;;
  esac
  return 0
}

# Suspends the hooks while -v or -r is on: with `set -v` bash prints the text of traps and of PROMPT_COMMAND, and after
# `set -r` each redirection is an error. Only the arithmetic in PS0 stays; it resumes the hooks.
__devenv_suspend() {
  __devenv_suspended[0]=1
  builtin unset 'PROMPT_COMMAND[9]'
  # A trap that is not exactly ours belongs to the student, even if it contains ours.
  [[ $(builtin trap -p EXIT) != "trap -- '$__devenv_exit_trap' EXIT" ]] || builtin trap - EXIT
}

__devenv_set_exit_trap() {
  # Without a trap, bash in POSIX mode prints `trap -- - EXIT`.
  [[ $(builtin trap -p EXIT) != @(|trap\ --\ -\ EXIT) ]] || builtin trap "$__devenv_exit_trap" EXIT
}

# Before the first command of a line. A line that turns -v or -r on is recognized by its first words: at the next prompt
# bash would already print the hooks.
__devenv_on_command() {
  __devenv_write_record run "$1"
  [[ $1 != set\ -@(o\ verbose|*([a-zA-Z])[vr])* ]] || __devenv_suspend
}

# At every prompt: writes the record "waiting for a line", and prints the messages that have arrived.
__devenv_on_prompt() {
  builtin local lines
  if [[ $- == *[vr]* ]]; then
    # A script or function turned the option on, so bash has printed the text of the hooks, once.
    __devenv_suspend
  elif [[ -n ${__devenv_suspended-} ]]; then
    builtin unset __devenv_suspended
    __devenv_set_exit_trap
  fi
  # If the trap file can't be written, the student's traps are unknown, and no trap is set.
  __devenv_line[0]=
  # Disarms PS0's flag if no trap has used it: the trap that is set now must wait for the next line.
  __devenv_armed[0]=0
  if [[ -n $__devenv_welcome && -t 1 ]]; then
    __devenv_welcome[0]=
    # Checked here, not at the start: the student's own start-up files, which may set DEVENV_QUIET, are read after this file.
    if [[ ${DEVENV_QUIET-} != 1 ]]; then
      builtin printf '%s\n' "Your link is ${DEVENV_URL-}, public while your server runs. Try: cd hello && npm run dev" \
        "Your PORT is ${DEVENV_PORT-}. To see the state of your link: devenv-status"
    fi
  fi
  # No function call in the usual case: this runs after every line.
  [[ $__devenv_port == ok && ${PORT-} == "${DEVENV_PORT-}" ]] || __devenv_check_port
  __devenv_write_record prompt ''
  if [[ -s $__devenv_messages && -t 1 ]]; then
    builtin mapfile -t lines <"$__devenv_messages"
    if [[ ${DEVENV_QUIET-} != 1 ]]; then builtin printf '%s\n' "${lines[@]}"; fi
    >|"$__devenv_messages"
  fi
  # Without promptvars, bash would print the expression in PS0 as text.
  builtin shopt -q promptvars || PS0=${PS0//"$__devenv_arm"/}
  return 0
}

# After `exit` and Ctrl-D standard input is still a terminal; after a hang-up it is not.
__devenv_on_exit() {
  if [[ -t 0 ]]; then __devenv_write_record exited ''; else __devenv_write_record lost ''; fi
} 2>/dev/null

# Restores what `__devenv_hide` sets. It is one command: with traced functions, a DEBUG trap would see a second one.
__devenv_unhide() {
  builtin unset COMP_LINE COMP_POINT \
    ${__vsc_in_command_execution+${__devenv_none[(__vsc_in_command_execution=__devenv_vsc)]-}} \
    ${_LP_AT_PROMPT+${__devenv_none[(_LP_AT_PROMPT=__devenv_lp)]-}}
}

# PS0 is expanded once per line. Its arithmetic arms the trap, prints nothing, and changes neither $? nor $_.
# The second expansion resumes suspended hooks. It is evaluated while element 0 of __devenv_suspended is set; its subscript
# selects another element while $- has v or r or PROMPT_COMMAND[9] exists ([^vr]: in POSIX mode a `!` would be the line's
# number). `:=` expands to the text that it assigns; the pattern removes that text.
__devenv_arm='${__devenv_none[(__devenv_armed[0]=1)]-}'\
'${__devenv_suspended[36#0${-//[^vr]/}${PROMPT_COMMAND[9]+1}]+${__devenv_prompt_command#"${PROMPT_COMMAND[9]:=$__devenv_prompt_command}"}}'
# The trap removes itself at the line's first command, so that loops cost nothing. ":" restores $_. A pasted here-document is
# part of its command, and matching a pattern against all of it takes a second: it is cut to the record's width first.
__devenv_debug_trap='{ __devenv_last_argument[0]=$_; if [[ $__devenv_armed == 1 ]]; then __devenv_armed[0]=0; trap - DEBUG; __devenv_on_command "${BASH_COMMAND:0:160}"; fi; : "$__devenv_last_argument"; } 2>/dev/null'
# Preexec tools (bash-preexec, VS Code, liquidprompt, students' own) treat every command that their DEBUG trap sees after
# their own part of PROMPT_COMMAND as a typed line. While the hooks run, these variables make such tools ignore commands: this
# is a completion (COMP_LINE), or the line was already seen. Arithmetic sets them, since the tools would see an assignment.
# It is evaluated with the group's redirection target, before the first command; the last command restores the variables.
__devenv_hide='${__devenv_none[(COMP_LINE=COMP_POINT=1)]-}'\
'${__vsc_in_command_execution+${__devenv_none[(__devenv_vsc[0]=__vsc_in_command_execution,__vsc_in_command_execution=1)]-}}'\
'${_LP_AT_PROMPT+${__devenv_none[(__devenv_lp[0]=_LP_AT_PROMPT,_LP_AT_PROMPT=0)]-}}'
# `trap -p` lists the student's own DEBUG trap only at the top level, not when a tool runs PROMPT_COMMAND in a function. The x
# proves that the file could be written.
__devenv_prompt_command='{
__devenv_on_prompt
{ builtin trap -p DEBUG; builtin printf x; } >|"$__devenv_file.trap"; IFS= builtin read -r -d "" "__devenv_line[0]" <"$__devenv_file.trap"
[[ $__devenv_line == @(|trap\ --\ -\ *)x && -z ${__devenv_suspended-}${FUNCNAME-} ]] && builtin trap "$__devenv_debug_trap" DEBUG
__devenv_unhide
} 2>"/dev/null'$__devenv_hide'" || { __devenv_suspend; __devenv_unhide; }'

[[ ${PS0-} == *"$__devenv_arm"* ]] || PS0+=$__devenv_arm
# `$PROMPT_COMMAND` means element 0, which stays the student's: `${PROMPT_COMMAND:+$PROMPT_COMMAND;}mine` has to work.
PROMPT_COMMAND[9]=$__devenv_prompt_command
__devenv_exit_trap='{ __devenv_on_exit; } 2>"/dev/null'$__devenv_hide'"'
__devenv_set_exit_trap
__devenv_write_record start ''
[[ -z $__devenv_allexport ]] || builtin set -a
