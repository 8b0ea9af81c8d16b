import type { CompletionLevel, CompletionWord } from './completion-tree.ts';

export function zshCompletion(levels: readonly CompletionLevel[]): string {
  return `#compdef gantry
# zsh completion for gantry: put it into a folder of $fpath under the name _gantry
_gantry() {
  local level="" previous="\${words[CURRENT-1]}" joined="" i
  local -a candidates options
  for ((i = 2; i < CURRENT; i++)); do
    case "\${level:+$level }\${words[i]}" in
      ${paths(levels)}) level="\${level:+$level }\${words[i]}" ;;
    esac
  done
  if [[ "\${words[CURRENT]}" == --*=* ]]; then
    joined=yes previous="\${words[CURRENT]%%=*}"
    compset -P 1 '*='
  fi
  case "$level" in
${levels.map(levelCase).join('\n')}
  esac
  if [[ -z "$joined" && "\${words[CURRENT]}" == -* ]]; then
    _describe -o 'option' options
  elif (( \${#candidates} )); then
    _describe 'argument' candidates
  else
    _files
  fi
}
if [[ "$funcstack[1]" == _gantry ]]; then _gantry "$@"; else compdef _gantry gantry; fi
`;
}

function paths(levels: readonly CompletionLevel[]): string {
  return levels
    .filter(({ path }) => path !== '')
    .map(({ path }) => `"${path}"`)
    .join('|');
}

function levelCase({ path, words, options }: CompletionLevel): string {
  const valued = options
    .filter(({ value }) => value)
    .map(({ spellings, choices }) => `${spellings.join('|')}) candidates=(${choices.join(' ')}) ;;`);
  return [
    `    "${path}")`,
    `      candidates=(${words.map(described).join(' ')})`,
    `      options=(${options.map(described).join(' ')})`,
    `      case "$previous" in ${valued.join(' ')} *) [[ -z "$joined" ]] || candidates=() ;; esac`,
    '      ;;',
  ].join('\n');
}

function described({ text, description }: CompletionWord): string {
  const safe = description.replaceAll('\\', '\\\\').replaceAll(':', '\\:').replaceAll("'", "'\\''");
  return description === '' ? `'${text}'` : `'${text}:${safe}'`;
}
