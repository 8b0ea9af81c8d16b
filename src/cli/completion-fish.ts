import type { CompletionLevel, CompletionOption, CompletionWord } from './completion-tree.ts';

export function fishCompletion(levels: readonly CompletionLevel[]): string {
  const lines = levels.flatMap((level) => {
    const condition = `-n "__gantry_at '${level.path}'"`;
    return [
      ...level.words.map(
        (word) => `complete -c gantry ${condition} -f -a '${word.text}'${description(word)}`,
      ),
      ...level.options.map(
        (option) => `complete -c gantry ${condition} ${flags(option)}${description(option)}`,
      ),
    ];
  });
  const paths = levels.flatMap(({ path }) => (path === '' ? [] : [`'${path}'`]));
  return `# fish completion for gantry: put it into ~/.config/fish/completions/gantry.fish
function __gantry_at
    set -l level ''
    for word in (commandline -opc)[2..-1]
        set -l next (string trim -- "$level $word")
        contains -- "$next" ${paths.join(' ')}; and set level "$next"
    end
    test "$level" = "$argv[1]"
end
${lines.join('\n')}
`;
}

function flags({ spellings, value, choices }: CompletionOption): string {
  const names = spellings.map((name) =>
    name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`,
  );
  const values = choices.length > 0 ? [`-x -a '${choices.join(' ')}'`] : value ? ['-r'] : [];
  return [...names, ...values].join(' ');
}

function description({ description }: CompletionWord): string {
  const safe = description.replaceAll('\\', '\\\\').replaceAll("'", "\\'");
  return description === '' ? '' : ` -d '${safe}'`;
}
