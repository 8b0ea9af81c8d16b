import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ContentError, type ErrorCode, isGantryError, TransportError } from '../errors.ts';
import { isWithoutTls, MalformedAnswer, transportError } from './failure.ts';

const target = { host: 'reg.example:5000' };
const systemError = (code: string, message = ''): Error => Object.assign(new Error(message), { code });

const failed = (code: string): TransportError =>
  new TransportError('NO_CONNECTION', 'no', { cause: systemError(code) });

const rows: readonly [code: string, connected: boolean, expected: ErrorCode, message: RegExp][] = [
  ['ECONNREFUSED', false, 'NO_CONNECTION', /nothing listens there/],
  ['ENOTFOUND', false, 'NO_CONNECTION', /host name is unknown/],
  ['ETIMEDOUT', false, 'TIMED_OUT', /does not answer/],
  ['ECONNRESET', false, 'NO_CONNECTION', /ECONNRESET/],
  ['ECONNRESET', true, 'CUT_OFF', /closed the connection/],
  ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', true, 'NO_CONNECTION', /requires a client certificate/],
  ['CERT_HAS_EXPIRED', false, 'NO_CONNECTION', /certificate has expired/],
];

describe('transportError', () => {
  it('a malformed answer becomes NO_CONNECTION and says that the server does not speak HTTP', () => {
    const error = transportError(new MalformedAnswer('its answer has no status line'), {
      target,
      connected: true,
    });
    assert.equal(error.code, 'NO_CONNECTION');
    assert.match(error.message, /does not speak HTTP: its answer has no status line/);
  });

  for (const [code, connected, expected, message] of rows) {
    const when = connected ? 'on a connection' : 'without a connection';
    it(`${code} ${when} becomes ${expected}`, () => {
      const cause = systemError(code);
      const error = transportError(cause, { target, connected });
      assert.equal(error.code, expected);
      assert.match(error.message, message);
      assert.match(error.message, /reg\.example:5000/);
      assert.equal(error.cause, cause);
    });
  }

  it('transportError keeps an error of gantry, and takes the message of any other error', () => {
    const own = new ContentError('SIZE_INVALID', 'too long');
    assert.equal(transportError(own, { target, connected: true }), own);
    const odd = transportError('a text', { target, connected: false });
    assert.ok(isGantryError(odd, 'NO_CONNECTION'));
    assert.match(odd.message, /a text/);
  });
});

describe('isWithoutTls', () => {
  it('isWithoutTls is true for another protocol and a closed port, and false for a TLS alert', () => {
    for (const code of ['ECONNREFUSED', 'EPROTO', 'ERR_SSL_WRONG_VERSION_NUMBER']) {
      assert.equal(isWithoutTls(failed(code)), true, code);
    }
    for (const code of ['CERT_HAS_EXPIRED', 'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', 'ENOTFOUND']) {
      assert.equal(isWithoutTls(failed(code)), false, code);
    }
    assert.equal(isWithoutTls(new TransportError('CUT_OFF', 'no', { cause: systemError('EPROTO') })), false);
    assert.equal(isWithoutTls(new Error('no')), false);
  });
});
