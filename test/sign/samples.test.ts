import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseArgs } from 'node:util';
import { isGantryError } from '../../src/errors.ts';
import { type VerifyImageOptions, verifyDigest } from '../../src/sign/verify-image.ts';
import { missing, type Sample, sampleFile, sampleRepository, samples } from './samples.ts';

/** Every sample that real tools or their bytes made gives the verdict in its table. */

function settings({ args, format }: Sample): VerifyImageOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      key: { type: 'string' },
      a: { type: 'string', short: 'a', multiple: true },
      'trusted-root': { type: 'string' },
      'certificate-identity': { type: 'string' },
      'certificate-oidc-issuer': { type: 'string' },
      'insecure-ignore-tlog': { type: 'boolean' },
      'insecure-ignore-sct': { type: 'boolean' },
      m: { type: 'string', short: 'm' },
    },
  });
  const { key, a = [] } = values;
  const annotations = Object.fromEntries(
    a.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
  );
  const root = values['trusted-root'];
  const certificate =
    root === undefined
      ? undefined
      : {
          trustedRoot: sampleFile(root),
          identity: values['certificate-identity'] ?? '',
          issuer: values['certificate-oidc-issuer'] ?? '',
          ignoreLog: values['insecure-ignore-tlog'],
          ignoreSct: values['insecure-ignore-sct'],
        };
  const [, name = '', value = ''] = /^([^=]+)=(.*)$/.exec(values.m ?? '') ?? [];
  return {
    keys: key === undefined ? undefined : [sampleFile(key).toString()],
    certificate,
    notation:
      format === 'notation'
        ? {
            trustPolicy: sampleFile('keys/tp.json'),
            trustStores: { 'ca:gantry': [sampleFile('keys/nca.crt')] },
          }
        : undefined,
    annotations: name === '' ? annotations : { [name]: value },
  };
}

describe('the samples of signatures', { skip: missing }, () => {
  for (const sample of samples()) {
    it(`${sample.name} (${sample.format}): ${sample.expect}`, async () => {
      const { repository, digest } = await sampleRepository(sample);
      const verdict = verifyDigest(repository, digest, settings(sample));
      if (sample.expect === 'accept') {
        const { verified } = await verdict;
        assert.ok(verified.length > 0);
        return;
      }
      await assert.rejects(verdict, (error) => {
        assert.ok(isGantryError(error), String(error));
        assert.equal(error.name, 'VerificationError', error.message);
        return true;
      });
    });
  }
});
