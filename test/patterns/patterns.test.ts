import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { projectRoot } from '../../scripts/project.ts';
import { parseGlob } from '../../src/build/glob.ts';
import { parseIgnore, pathMatcher } from '../../src/build/ignore.ts';
import { parseListenAddress } from '../../src/cli/address.ts';
import { parseDuration } from '../../src/cli/duration.ts';
import { parseHostName } from '../../src/cli/host-name.ts';
import { parseCommandLine } from '../../src/cli/program.ts';
import { parseRate } from '../../src/cli/rate.ts';
import { parseLocal, parsePlace } from '../../src/client/place.ts';
import { parseImageName } from '../../src/daemon/image-name.ts';
import { isGantryError } from '../../src/errors.ts';
import { parseHolder, parseShort } from '../../src/files/holder.ts';
import { MalformedAnswer } from '../../src/http/failure.ts';
import { parseAddress } from '../../src/http/ip-address.ts';
import { parseProxy } from '../../src/http/node/proxy.ts';
import { parseResponseHead } from '../../src/http/node/response-head.ts';
import { parseRateLimit } from '../../src/http/rate-limit.ts';
import { parsePort } from '../../src/image/edit/port.ts';
import { canonicalKey } from '../../src/keychain/server-key.ts';
import { parseMediaType } from '../../src/spec/media-type.ts';
import { parseRepository } from '../../src/spec/reference.ts';
import { parseUrl } from '../../src/spec/url.ts';
import { hideSecrets, redactHeaders, redactUrl, redactWords } from '../../src/wire/redact.ts';
import { parseTargetUri } from '../../src/wire/target-uri.ts';
import { secret } from '../secret.ts';
import { growth } from './growth.ts';
import { type Pattern, patternsOfSource, piecesOf } from './patterns.ts';

const { literals, made, parsers } = patternsOfSource();
const size = 8192;

/**
 * Returns the input on which a pattern takes too long: one piece repeated, between a beginning and an end that keep
 * many readings open.
 */
function worst({ source, flags }: Pick<Pattern, 'source' | 'flags'>): string | undefined {
  const pattern = new RegExp(source, `${flags.replace('g', '')}g`);
  const { pieces, start } = piecesOf(source);
  for (const piece of pieces) {
    for (const begin of new Set(['', start])) {
      for (const end of ['', '\u0000']) {
        const text = (length: number): string => begin + piece.repeat(Math.ceil(length / piece.length)) + end;
        const ratio = growth((length) => void text(length).replace(pattern, ''), size);
        if (ratio !== undefined)
          return `${JSON.stringify(begin + piece)} again and again: ${ratio.toFixed(1)}`;
      }
    }
  }
  return undefined;
}

/** Patterns that are made at run time, each with the reason why it is linear. */
const madeAtRunTime: Readonly<Record<string, string>> = {
  'src/disk/aside.ts': 'parts of a fixed length from the start of the name, so each is tried once',
  'src/wire/redact.ts': 'a fixed text, measured below as hideSecrets',
};

const hidden = secret('pattern');
const functions: Readonly<Record<string, (text: string) => unknown>> = {
  redactUrl: (text) => redactUrl(text, [hidden]),
  redactWords: (text) => redactWords(text, [hidden]),
  hideSecrets: (text) => hideSecrets(text, [hidden, '<<<<<<<<', 'aaaaaaaaaaaa']),
  canonicalKey,
  parseAddress,
  parseListenAddress,
  parseCommandLine: (text) => parseCommandLine(['push', text, `--${text}`]),
  parseDuration: (text) => parseDuration(text, 'timeout'),
  parseHolder,
  parseHostName,
  parseShort,
  parseMediaType,
  parseIgnore: (text) => parseIgnore(text, 'an ignore file'),
  parseGlob,
  pathMatcher: (text) => pathMatcher('**/*a*/**/*b*')?.(text),
  parseImageName,
  parseLocal,
  parsePlace,
  parsePort,
  parseProxy,
  parseRate: (text) => parseRate(text, 'limit-rate'),
  parseRateLimit: (text) => parseRateLimit({ 'ratelimit-limit': [text], 'ratelimit-remaining': [text] }),
  parseRepository,
  parseResponseHead: (text) => parseResponseHead(`HTTP/1.1 200 OK\r\nx: ${text}`),
  parseUrl: (text) => parseUrl(`https://${text}`),
  parseTargetUri: (text) => parseTargetUri(`https://${text}`),
  ...Object.fromEntries(
    ['link', 'location', 'www-authenticate', 'warning', 'authorization', 'x-other'].map((name) => [
      `redactHeaders of ${name}`,
      (text: string) => redactHeaders({ [name]: [text] }, [hidden]),
    ]),
  ),
};

/** Parsers that only pass their bytes to another parser, which is measured. */
const readByPlatform: Readonly<Record<string, string>> = { parseManifestJson: 'parseJson' };

function quietly(act: () => unknown): void {
  try {
    act();
  } catch (error) {
    assert.ok(isGantryError(error) || error instanceof MalformedAnswer, String(error));
  }
}

describe('link-redos: twice the input takes no more than three times as long', () => {
  it('the search finds the patterns of the source, and quadratic ones among samples', () => {
    assert.ok(literals.length > 100, String(literals.length));
    for (const source of ['<([^>]*)>|^[^\\s<;]+', '^(?:https?:\\/\\/)?([^/]*)(.*?)\\/*$', '\\s+$']) {
      assert.notEqual(worst({ source, flags: '' }), undefined, source);
    }
  });

  for (const pattern of literals) {
    it(`the pattern of ${pattern.where} is linear`, () => {
      assert.equal(worst(pattern), undefined, `/${pattern.source}/${pattern.flags}`);
    });
  }

  it('patterns that are made at run time are all known, with the reason why they are linear', () => {
    assert.deepEqual([...new Set(made)].toSorted(), Object.keys(madeAtRunTime).toSorted());
  });

  it('each parser is measured here, or fed by test/fuzz, which measures it', () => {
    const folder = join(projectRoot(), 'test', 'fuzz');
    const text = readdirSync(folder)
      .map((name) => readFileSync(join(folder, name), 'utf8'))
      .join('\n');
    const unknown = parsers.filter((name) => !(name in functions) && !new RegExp(`\\b${name}\\b`).test(text));
    assert.deepEqual(unknown.toSorted(), Object.keys(readByPlatform).toSorted());
  });

  for (const [name, act] of Object.entries(functions)) {
    it(`${name} is linear`, () => {
      for (const piece of [
        '<',
        '>',
        '<a',
        '<>',
        '/',
        '//',
        '://',
        '@',
        '?',
        '&',
        '=',
        '#',
        'http://',
        'https://a@',
        ' ',
        'Bearer ',
        'Basic a',
        'eyJ',
        'eyJ.',
        'a',
        '%',
        '"',
        '\\',
        ',',
        ';',
        '-',
      ]) {
        for (const begin of ['', 'https://', 'Bearer ', '<']) {
          const ratio = growth(
            (length) => quietly(() => act(`${begin}${piece.repeat(length)}\u0000`)),
            size * 2,
          );
          assert.equal(ratio, undefined, `${JSON.stringify(begin + piece)} again and again`);
        }
      }
    });
  }
});
