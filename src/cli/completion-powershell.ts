import type { CompletionLevel, CompletionWord } from './completion-tree.ts';

export function powershellCompletion(levels: readonly CompletionLevel[]): string {
  return `# PowerShell completion for gantry: add it to $PROFILE
Register-ArgumentCompleter -Native -CommandName gantry -ScriptBlock {
  param($current, $line, $position)
  $levels = @{
${levels.map(entry).join('\n')}
  }
  $values = @{
${values(levels).join('\n')}
  }
  $given = @($line.CommandElements | Select-Object -Skip 1 |
    Where-Object { $_.Extent.EndOffset -lt $position } | ForEach-Object { $_.ToString() })
  $level = ''
  foreach ($word in $given) {
    $next = "$level $word".Trim()
    if ($levels.ContainsKey($next)) { $level = $next }
  }
  $previous = if ($given.Count -gt 0) { $given[-1] } else { '' }
  $before = ''
  if ($current -match '^(--[^=]+)=(.*)$') {
    $previous = $Matches[1]
    $current = $Matches[2]
    $before = "$previous="
  }
  $candidates = if ($values.ContainsKey("$level $previous")) { $values["$level $previous"] }
    elseif ($before -eq '') { $levels[$level] }
    else { @() }
  $candidates | Where-Object { $_[0] -like "$current*" } | ForEach-Object {
    [System.Management.Automation.CompletionResult]::new("$before$($_[0])", $_[0], 'ParameterValue', $_[1])
  }
}
`;
}

function entry({ path, words, options }: CompletionLevel): string {
  return `    '${path}' = @(${[...words, ...options].map(pair).join(', ')})`;
}

function values(levels: readonly CompletionLevel[]): string[] {
  return levels.flatMap(({ path, options }) =>
    options.flatMap(({ spellings, choices }) =>
      choices.length === 0
        ? []
        : spellings.map((name) => {
            const pairs = choices.map((text) => pair({ text, description: '' })).join(', ');
            return `    '${path} ${name}' = @(${pairs})`;
          }),
    ),
  );
}

/** A tooltip may not be empty. */
function pair({ text, description }: CompletionWord): string {
  return `@('${text}', '${(description || text).replaceAll("'", "''")}')`;
}
