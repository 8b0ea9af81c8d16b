import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { secret } from '../../test/secret.ts';
import { redactHeaders, redactUrl, redactValue, redactWords } from './redact.ts';

describe('redactUrl', () => {
  const rows: readonly [name: string, url: string, expected: string][] = [
    [
      'keeps the query values that the protocol defines',
      'https://h/v2/?n=1&last=a%2Fb',
      'https://h/v2/?n=1&last=a%2Fb',
    ],
    [
      'hides other values',
      'https://h/b?X-Amz-Signature=s3&digest=x:1',
      'https://h/b?X-Amz-Signature=***&digest=x:1',
    ],
    ['hides a value without a name', 'https://h/b?s3', 'https://h/b?***'],
    ['hides user and password', 'https://u:p@h/b', 'https://h/b'],
    ['hides a password with an at sign', 'https://u:p@x@h/b', 'https://h/b'],
    ['hides them without a scheme', '//u:p@h/b', '//h/b'],
    ['drops a fragment', 'https://h/b#s3', 'https://h/b'],
    ['keeps an at sign in a path', '/v2/a@b', '/v2/a@b'],
    ['may be a text that is no URL', '?', '?'],
  ];
  for (const [name, url, expected] of rows)
    it(`A redacted URL ${name}`, () => assert.equal(redactUrl(url), expected));

  // id: redacted-urls
  it('A redacted URL shows no unknown value, for any input', () => {
    fc.assert(
      fc.property(fc.webUrl(), fc.constantFrom('sig', '_state', 'token', 'N'), (url, name) => {
        const signature = secret('signature');
        assert.ok(!redactUrl(`${url}?${name}=${signature}&${signature}`).includes(signature));
      }),
    );
  });
});

describe('redactHeaders', () => {
  const rows: readonly [name: string, header: string, line: string, expected: string][] = [
    ['keep the scheme of an Authorization', 'authorization', 'Bearer s3', 'Bearer ***'],
    ['hide an Authorization without scheme', 'authorization', 's3', '***'],
    ['hide a proxy\u2019s Authorization', 'proxy-authorization', 'Basic s3', 'Basic ***'],
    ['hide cookies', 'set-cookie', 's3=1', '***'],
    ['hide a token by any name', 'x-amz-security-token', 's3', '***'],
    ['hide a key by any name', 'x-api-key', 's3', '***'],
    ['keep a challenge', 'www-authenticate', 'Basic realm="x"', 'Basic realm="x"'],
    [
      'redact the address of a token service',
      'www-authenticate',
      'Bearer realm="https://u:s3@h/token?sig=s3",service="h"',
      'Bearer realm="https://h/token?sig=***",service="h"',
    ],
    ['redact a Location', 'location', '/u?_state=s3', '/u?_state=***'],
    ['redact a Link', 'link', '</n?n=1&s=s3>; rel="next"', '</n?n=1&s=***>; rel="next"'],
    ['redact a Link without <>', 'link', '/n?s=s3; rel="next"', '/n?s=***; rel="next"'],
    ['keep a harmless value', 'content-type', 'text/html', 'text/html'],
  ];
  for (const [name, header, line, expected] of rows) {
    it(`Redacted headers ${name}`, () =>
      assert.deepEqual(redactHeaders({ [header]: [line] }), { [header]: [expected] }));
  }
});

describe('redactWords', () => {
  for (const [said, shown] of [
    ['you sent Basic YWxpY2U6c2VjcmV0', 'you sent Basic ***'],
    ['{"message":"bearer abc.def-1234=="}', '{"message":"bearer ***"}'],
    ['the token eyJh.eyJz.c2ln has expired', 'the token *** has expired'],
    ['Bearer realm="https://r.example/token"', 'Bearer realm="https://r.example/token"'],
    ['Basic authentication is off', 'Basic authentication is off'],
    ['GET https://u:s3@h/b?sig=s3 failed', 'GET https://h/b?sig=*** failed'],
    ['go to <HTTPS://h/b?s3>, "http://h"', 'go to <HTTPS://h/b?***>, "http://h"'],
    ['http://:// and https://', 'http://:// and https://'],
  ] as const) {
    it(`redactWords shows ${said} as ${shown}`, () => assert.equal(redactWords(said), shown));
  }
});

describe('the secrets of a request', () => {
  const rows: readonly [name: string, said: string, secrets: readonly string[], shown: string][] = [
    ['are hidden wherever they stand', 'x=correct-horse,', ['correct-horse'], 'x=***,'],
    ['are hidden in the middle of a word', 'acorrect-horsez', ['correct-horse'], 'a***z'],
    ['are hidden in upper and lower case', 'CORRECT-horse', ['correct-horse'], '***'],
    ['are hidden whole where one is a part of another', 'abcdefgh:ij', ['abcdefgh', 'abcdefgh:ij'], '***'],
    ['may contain characters with a meaning in regular expressions', 'a (.*)$\\ z', ['(.*)$\\'], 'a *** z'],
    ['may hold any letters', 'pässwörter😀!', ['pässwörter😀'], '***!'],
    ['are hidden only as whole words when they are short', 'pw: no pwd', ['pw'], '***: no pwd'],
    ['hide nothing when they are empty', 'no', [''], 'no'],
  ];
  for (const [name, said, secrets, shown] of rows) {
    it(`The secrets of a request ${name}`, () => assert.equal(redactWords(said, secrets), shown));
  }

  it('The secrets of a request are hidden in every header and anywhere in JSON', () => {
    assert.deepEqual(redactHeaders({ 'x-any': ['a correct-horse'] }, ['correct-horse']), {
      'x-any': ['a ***'],
    });
    assert.deepEqual(redactValue([{ 'correct-horse': [1, null, 'correct-horse'] }], ['correct-horse']), [
      { '***': [1, null, '***'] },
    ]);
  });
});

describe('redactHeaders of Link', () => {
  for (const [said, shown] of [
    ['<https://h/a?sig=s3>; rel="next"', '<https://h/a?sig=***>; rel="next"'],
    ['<a?sig=1>, <b?n=2&x=3>; rel=x', '<a?sig=***>, <b?n=2&x=***>; rel=x'],
    ['/v2/a?sig=s3; rel="next"', '/v2/a?sig=***; rel="next"'],
    ['/v2/a?sig=1 <b?sig=2>', '/v2/a?sig=*** <b?sig=***>'],
    ['<https://u:s3@h/a?sig=s3', '<https://h/a?sig=***'],
    ['<<<', '<<<'],
    ['', ''],
  ] as const) {
    it(`redactHeaders shows the Link ${said} as ${shown}`, () => {
      assert.deepEqual(redactHeaders({ link: [said] }), { link: [shown] });
    });
  }
});
