import type { CompletionLevel } from './completion-tree.ts';

/** Makes the completion script for bash, which shows no descriptions. */
export function bashCompletion(levels: readonly CompletionLevel[]): string {
  return `# bash completion for gantry: source it, or put it into ~/.local/share/bash-completion/completions/gantry
_gantry() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}"
  local level="" words="" options="" joined="" before="" i
  COMPREPLY=()
  # bash takes --flag=value apart at the equals sign, unless COMP_WORDBREAKS was changed.
  if [[ "$current" == "=" && "$previous" == --* ]]; then
    joined=yes current=""
  elif [[ "$previous" == "=" && "\${COMP_WORDS[COMP_CWORD-2]}" == --* ]]; then
    joined=yes previous="\${COMP_WORDS[COMP_CWORD-2]}"
  elif [[ "$current" == --*=* ]]; then
    joined=yes previous="\${current%%=*}" before="\${current%%=*}=" current="\${current#*=}"
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "\${level:+$level }\${COMP_WORDS[i]}" in
      ${paths(levels)}) level="\${level:+$level }\${COMP_WORDS[i]}" ;;
    esac
  done
  case "$level" in
${levels.map(levelCase).join('\n')}
  esac
  if [[ -z "$joined" && "$current" == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$current"))
  elif [[ -n "$before" ]]; then
    if [[ -n "$words" ]]; then
      COMPREPLY=($(compgen -W "$words" -P "$before" -- "$current"))
    else
      COMPREPLY=($(compgen -f -P "$before" -- "$current"))
    fi
  elif [[ -n "$words" ]]; then
    COMPREPLY=($(compgen -W "$words" -- "$current"))
  fi
}
complete -o default -F _gantry gantry
`;
}

function paths(levels: readonly CompletionLevel[]): string {
  return levels
    .filter(({ path }) => path !== '')
    .map(({ path }) => `"${path}"`)
    .join('|');
}

function levelCase({ path, words, options }: CompletionLevel): string {
  const values = options
    .filter(({ choices }) => choices.length > 0)
    .map(({ spellings, choices }) => `${spellings.join('|')}) words="${choices.join(' ')}" ;;`);
  const free = options.filter(({ value, choices }) => value && choices.length === 0);
  // The shell completes a free value as a file name.
  const other =
    free.length === 0 ? [] : [`${free.flatMap(({ spellings }) => spellings).join('|')}) words="" ;;`];
  return [
    `    "${path}")`,
    `      words="${words.map(({ text }) => text).join(' ')}"`,
    `      options="${options.map(({ text }) => text).join(' ')} --help"`,
    `      case "$previous" in ${[...values, ...other].join(' ')} *) [[ -z "$joined" ]] || words="" ;; esac`,
    '      ;;',
  ].join('\n');
}
