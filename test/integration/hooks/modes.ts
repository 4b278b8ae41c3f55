/**
 * Shell configurations of students, each as one line that is typed or part of `~/.bashrc`. bash-preexec and nvm are in no
 * package registry; these imitations hook into bash in the same way, under the same names.
 */

/** bash-preexec: its DEBUG trap recognizes typed lines by whether the prompt's commands have finished. Since 0.5 with an array. */
const bashPreexec = (version: '0.4' | '0.6') => {
  const [all, last] =
    version === '0.4'
      ? ['$PROMPT_COMMAND', "PROMPT_COMMAND+=$'\\n__bp_interactive_mode'"]
      : ['${PROMPT_COMMAND[*]}', 'PROMPT_COMMAND+=(__bp_interactive_mode)'];
  return [
    '__bp_last=; __bp_mode=; preexec_functions=(); precmd_functions=()',
    '__bp_set() { return ${1:-0}; }',
    '__bp_precmd_invoke_cmd() { local ret=$? f; for f in "${precmd_functions[@]}"; do __bp_set $ret; $f; done; __bp_set $ret; }',
    '__bp_interactive_mode() { __bp_mode=on; }',
    `__bp_in_prompt_command() { local parts part; IFS=$'\\n;' read -rd '' -a parts <<<"${all}"; for part in "\${parts[@]}"; do part=\${part# }; [[ \${part% } == "$1" ]] && return 0; done; return 1; }`,
    '__bp_preexec() { local f line; __bp_last=$1; [[ -t 1 && -n $__bp_mode && -z ${COMP_LINE-}${COMP_POINT-} ]] || return 0; [[ $BASH_SUBSHELL != 0 ]] || __bp_mode=; if __bp_in_prompt_command "$BASH_COMMAND"; then __bp_mode=; return 0; fi; line=$(HISTTIMEFORMAT= history 1); line=${line#*[0-9][* ] }; [[ -z $line ]] || for f in "${preexec_functions[@]}"; do $f "$line"; done; : "$__bp_last"; }',
    `__bp_install() { [[ \${PROMPT_COMMAND[*]} != *__bp_precmd* ]] || return 1; trap '__bp_preexec "$_"' DEBUG; PROMPT_COMMAND[0]=$'__bp_precmd_invoke_cmd\\n'\${PROMPT_COMMAND[0]//__bp_install/:}; ${last}; __bp_precmd_invoke_cmd; __bp_interactive_mode; }`,
    'PROMPT_COMMAND[0]="${PROMPT_COMMAND[0]:+${PROMPT_COMMAND[0]};}__bp_install"',
  ].join('; ');
};

const seen = `seen() { echo "preexec: $1"; }; preexec_functions+=(seen); told() { echo "precmd: $?"; }; precmd_functions+=(told)`;

/** starship 1.17 and newer on bash 5: PS0, and a PROMPT_COMMAND that runs the previous one. */
const starshipLike = [
  'starship_start=; starship_ready=true',
  'starship_time() { printf -v starship_start %s "$EPOCHREALTIME"; }',
  'starship_precmd() { local st=$? pipe=("${PIPESTATUS[@]}"); (exit $st); eval "$starship_prompt_command"; starship_ready=true; return $st; }',
  `PS0='\${starship_start:0:$((starship_ready=0,0))}'"\${PS0-}"`,
  'starship_prompt_command=${PROMPT_COMMAND-}; PROMPT_COMMAND=starship_precmd',
].join('; ');

/** VS Code's terminal: a DEBUG trap, and a flag that its own part of PROMPT_COMMAND resets. */
const vscode = [
  '__vsc_in_command_execution=1; __vsc_first=',
  '__vsc_preexec() { local line; [[ $__vsc_in_command_execution == 0 ]] || return 0; __vsc_in_command_execution=1; line=; [[ $BASH_COMMAND == __vsc_prompt* ]] || line=$(HISTTIMEFORMAT= history 1 | sed "s/ *[0-9]* *//"); [[ -z $__vsc_first ]] || echo "starts: $line"; }',
  '__vsc_prompt_cmd() { local ret=$?; [[ -z $__vsc_first ]] || echo "ends: $ret"; __vsc_first=1; __vsc_in_command_execution=0; return $ret; }',
  'trap \'__vsc_preexec "$_"\' DEBUG; PROMPT_COMMAND=__vsc_prompt_cmd',
].join('; ');

/** liquidprompt: a DEBUG trap that checks whether its part of PROMPT_COMMAND was the last command before the line. */
const liquidprompt = [
  '_LP_AT_PROMPT=0; __lp_set_prompt() { :; }',
  '__lp_before() { [[ ${PROMPT_COMMAND[-1]} != *"$BASH_COMMAND" ]] || { _LP_AT_PROMPT=1; return 0; }; ((_LP_AT_PROMPT)) || return 0; _LP_AT_PROMPT=0; echo "runs: $(HISTTIMEFORMAT= history 1 | cut -c8-)"; }',
  'PROMPT_COMMAND+=(__lp_set_prompt); trap \'__lp_before "$_"\' DEBUG',
].join('; ');

/** The DEBUG trap of common tutorials: it ignores completions. */
const preexecOfOnesOwn =
  'mine() { [[ -z $COMP_LINE && $BASH_COMMAND != "$PROMPT_COMMAND" ]] && echo "before: $BASH_COMMAND"; return 0; }; PROMPT_COMMAND=:; trap mine DEBUG';

/** nvm: functions and a PATH that change which node runs, with the `cd` from its manual. */
const nvm = [
  'export NVM_DIR=$(mktemp -d); for v in v24 v26; do mkdir -p $NVM_DIR/$v/bin; ln -s /bin/true $NVM_DIR/$v/bin/node; done',
  'nvm_echo() { command printf \'%s\\n\' "$*" 2>/dev/null; }',
  `nvm() { local IFS=$' \\t\\n' found; found=$(command ls "$NVM_DIR" | command grep "^$2" | command tail -n 1); [ -n "$found" ] || { nvm_echo "no $2"; return 3; }; PATH=$(nvm_echo "$PATH" | command sed -e "s#$NVM_DIR/[^/]*/bin:##g"); export PATH="$NVM_DIR/$found/bin:$PATH" NVM_BIN="$NVM_DIR/$found/bin"; \\hash -r; nvm_echo "Now using $found"; }`,
  'cdnvm() { command cd "$@" || return $?; [ ! -s .nvmrc ] || nvm use "$(command tr -d "\\n" <.nvmrc)"; }; alias cd=cdnvm',
  'nvm use v24; echo v26 >$NVM_DIR/.nvmrc',
].join('; ');

const tools = 'PATH=/opt/shell-tools/bin:$PATH';
const starship = `${tools}; export TERM=xterm STARSHIP_CONFIG=/opt/shell-tools/starship.toml; eval "$(starship init bash)"`;
const preexec =
  '. /opt/shell-tools/usr/share/undistract-me/preexec.bash; preexec() { echo "preexec: $1"; }; preexec_install';

/** Its hook contains the path of the running program: here that of the loader. */
const direnv = `${tools}; eval "$(direnv hook bash | sed 's#"/[^"]*"#direnv#')"`;

/** It warns if `$PROMPT_COMMAND` does not contain it. */
const zoxide = `${tools}; export _ZO_DATA_DIR=$(mktemp -d); eval "$(zoxide init bash --cmd cd)"`;

/** Tools that students add with a line in `~/.bashrc`. */
export const toolModes: Record<string, string> = {
  'bash-preexec': bashPreexec('0.6'),
  'bash-preexec with functions': `${bashPreexec('0.6')}; ${seen}`,
  'bash-preexec before 0.5': `${bashPreexec('0.4')}; ${seen}`,
  'preexec.bash': preexec,
  'starship by its mechanism': starshipLike,
  starship,
  'starship, then bash-preexec': `${starship}; ${bashPreexec('0.6')}`,
  'bash-preexec, then starship': `${bashPreexec('0.6')}; ${starship}`,
  direnv,
  zoxide,
  'bash-preexec, then zoxide': `${bashPreexec('0.4')}; ${seen}; ${zoxide}`,
  'VS Code': vscode,
  liquidprompt,
  'a preexec of your own': preexecOfOnesOwn,
  nvm,
};

export const modes: Record<string, string> = {
  plain: ':',
  'set -u': 'set -u',
  'set -x': 'set -x',
  'set -v': 'set -v',
  'set -xv': 'set -xv',
  'set -a': 'set -a',
  'set -T (functrace)': 'set -T',
  'set -E with ERR trap': "set -E; trap 'echo err' ERR",
  'own ERR trap': `trap 'echo "err in $BASH_COMMAND"' ERR`,
  extdebug: 'shopt -s extdebug',
  noclobber: 'set -C',
  posix: 'set -o posix',
  'IFS of its own': 'IFS=e',
  failglob: 'shopt -s failglob',
  'own DEBUG trap': "trap ': mine' DEBUG",
  'own DEBUG trap that prints': `trap '[[ $BASH_COMMAND == echo* ]] && echo "debug: $BASH_COMMAND" >&2' DEBUG`,
  'own EXIT trap': "trap 'echo bye' EXIT",
  'own traps, then the hooks again':
    "trap 'echo bye' EXIT; trap ': mine' DEBUG; . /etc/bash.bashrc; PS1='> '",
  'the hooks again and again': ". /etc/bash.bashrc; . /etc/bash.bashrc; . ~/.bashrc; PS1='> '",
  'PROMPT_COMMAND as a string': "PROMPT_COMMAND='mine=1'",
  'PROMPT_COMMAND in front': 'PROMPT_COMMAND=\'mine=1;\'"${PROMPT_COMMAND-}"',
  'PROMPT_COMMAND in front, as distributions do':
    'PROMPT_COMMAND="${PROMPT_COMMAND:+$PROMPT_COMMAND; }mine=1"',
  'PROMPT_COMMAND appended': "PROMPT_COMMAND+='mine=1'",
  'PROMPT_COMMAND as an array': "PROMPT_COMMAND=('mine=1' 'also=2')",
  'PROMPT_COMMAND with one more element': "PROMPT_COMMAND+=('mine=1')",
  'PROMPT_COMMAND reset': 'PROMPT_COMMAND=()',
  'PROMPT_COMMAND unset': 'unset PROMPT_COMMAND',
  'PROMPT_COMMAND exported': 'export PROMPT_COMMAND',
  'PROMPT_COMMAND that fails': 'PROMPT_COMMAND=false',
  'PS0 of its own': "PS0=$'ps0\\n'",
  'promptvars off': 'shopt -u promptvars',
  'umask 777': 'umask 777',
  ...toolModes,
};

/** Lines that show what students and their tools may observe. */
export const lines = [
  'true; echo "status $?"',
  'false; echo "status $?"',
  'false',
  'echo "status $?"',
  'echo one two three',
  'echo "last $_"',
  'echo "command $BASH_COMMAND"',
  'true | false | true; echo "pipe ${PIPESTATUS[*]}"',
  'false | true',
  'echo "pipe ${PIPESTATUS[*]}"',
  'for i in 1 2 3; do echo "loop $i"; done',
  'f() { echo "in f: $1"; return 3; }; f x; echo "status $?"',
  '(exit 4); echo "status $?"',
  '( echo sub; exit 5 )',
  'echo "status $?"',
  'sleep 0.1 & wait $!; echo "waited $?"',
  // With tracing, a job prints its name once it runs: wait before it is killed.
  'sleep 30 & sleep 0.2; kill %1; wait $!; echo "killed $?"',
  'sleep 0.5 & fg >/dev/null; echo "fg $?"',
  'jobs',
  'x=$(echo inner); echo "$x"',
  'trap',
  'echo \'a;b\' "c  d"',
  '[[ -t 0 ]] && echo tty',
  'HISTTIMEFORMAT= history 4 | cut -c8-',
  'history | tail -n 2 | wc -l',
  '# only a comment',
  '',
  'cd "${NVM_DIR-/tmp}"; echo "cd $?"',
  'echo "${NVM_BIN##*/v}"; cd ~',
  'bash -c \'echo "child ${PROMPT_COMMAND-none}"; trap -p DEBUG EXIT\'',
  'echo "$-" | tr -d x',
  // Exported variables, and those that a program gets. Whether bash exports $_ depends on its last command.
  'exported=" $(echo $(compgen -e)) "; exported=${exported/ _ / }; echo "${exported/ PROMPT_COMMAND / }"',
  "bash -c 'echo $(compgen -e)'",
  'echo end',
];
