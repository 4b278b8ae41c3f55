/**
 * What students do to their shells, each as one line that is typed. bash-preexec and starship are in no package
 * registry of ours: what stands here hooks into bash in the very way that theirs do (bash-preexec: PROMPT_COMMAND
 * that installs itself at the first prompt, and a DEBUG trap; starship 1.17 and newer: PS0, and a PROMPT_COMMAND
 * that runs the former one).
 */
const bashPreexec = [
  '__bp_last=; __bp_on=; preexec_functions=(); precmd_functions=()',
  '__bp_set() { return ${1:-0}; }',
  '__bp_precmd() { local ret=$? pipe=("${PIPESTATUS[@]}"); local f; for f in "${precmd_functions[@]}"; do __bp_set $ret; $f; done; __bp_set $ret; }',
  '__bp_interactive() { __bp_on=on; }',
  '__bp_preexec() { __bp_last=$1; [[ -n $__bp_on ]] || return 0; [[ $BASH_COMMAND == __bp_* ]] && { __bp_on=; return 0; }; __bp_on=; local f; for f in "${preexec_functions[@]}"; do $f "$BASH_COMMAND"; done; : "$__bp_last"; }',
  `__bp_install() { PROMPT_COMMAND[0]=\${PROMPT_COMMAND[0]//__bp_install/:}; trap '__bp_preexec "$_"' DEBUG; PROMPT_COMMAND[0]="__bp_precmd; \${PROMPT_COMMAND[0]}"; PROMPT_COMMAND+=(__bp_interactive); __bp_interactive; }`,
  'PROMPT_COMMAND[0]="${PROMPT_COMMAND[0]:+${PROMPT_COMMAND[0]};}__bp_install"',
].join('; ');

const starship = [
  'starship_start=; starship_ready=true',
  'starship_time() { printf -v starship_start %s "$EPOCHREALTIME"; }',
  'starship_precmd() { local st=$? pipe=("${PIPESTATUS[@]}"); (exit $st); eval "$starship_prompt_command"; starship_ready=true; return $st; }',
  `PS0='\${starship_start:0:$((starship_ready=0,0))}'"\${PS0-}"`,
  'starship_prompt_command=${PROMPT_COMMAND-}; PROMPT_COMMAND=starship_precmd',
].join('; ');

export const modes: Record<string, string> = {
  plain: ':',
  'set -u': 'set -u',
  'set -x': 'set -x',
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
  'bash-preexec': bashPreexec,
  'bash-preexec with functions': `${bashPreexec}; seen() { echo "preexec: $1"; }; preexec_functions+=(seen)`,
  starship,
  'starship, then bash-preexec': `${starship}; ${bashPreexec}`,
  direnv: 'eval "$(direnv hook bash)"',
};

/** What students and their tools look at. Each line ends with a visible result. */
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
  'sleep 30 & kill %1; wait $!; echo "killed $?"',
  'sleep 0.1 & fg >/dev/null; echo "fg $?"',
  'jobs',
  'x=$(echo inner); echo "$x"',
  'trap',
  'echo \'a;b\' "c  d"',
  '[[ -t 0 ]] && echo tty',
  'HISTTIMEFORMAT= history 4 | cut -c8-',
  'history | tail -n 2 | wc -l',
  '# only a comment',
  '',
  'bash -c \'echo "child ${PROMPT_COMMAND-none}"; trap -p DEBUG EXIT\'',
  'echo "$-" | tr -d x',
  'echo end',
];
