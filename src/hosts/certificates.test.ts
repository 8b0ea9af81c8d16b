import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { folder } from '../../test/folder.ts';
import { certificatesOf, machineAuthorities, readText } from './certificates.ts';

const host = 'registry.example:5000';
const begin = '-----BEGIN CERTIFICATE-----';
const podman = `.config/containers/certs.d/${host}`;
const docker = `.docker/certs.d/${host}`;

/** Makes a home folder with these files. */
async function home(test: TestContext, files: Readonly<Record<string, string>>): Promise<string> {
  const path = await folder(test);
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(path, name)), { recursive: true });
    await writeFile(join(path, name), text);
  }
  return path;
}

describe('certs.d of a host', {
  skip: process.platform === 'win32' && 'its folders have other names',
}, () => {
  it('the authorities of all folders are trusted, in the order of their names', async (test) => {
    const HOME = await home(test, {
      [`${podman}/b.crt`]: 'two',
      [`${podman}/a.crt`]: 'one',
      [`${podman}/notes.txt`]: 'no certificate',
      [`${docker}/c.crt`]: 'three',
    });
    assert.deepEqual(await certificatesOf(host, { HOME }), { ca: ['one', 'two', 'three'] });
  });

  it('the client certificate is the one of the first folder that has one', async (test) => {
    const HOME = await home(test, {
      [`${podman}/a.crt`]: 'authority',
      [`${docker}/client.cert`]: 'certificate',
      [`${docker}/client.key`]: 'its key',
    });
    assert.deepEqual(await certificatesOf(host, { HOME }), {
      ca: ['authority'],
      cert: 'certificate',
      key: 'its key',
    });
  });

  it('the folder of another port or host gives nothing', async (test) => {
    const HOME = await home(test, { [`${podman}/a.crt`]: 'authority' });
    for (const other of ['registry.example', 'registry.example:5001', 'example:5000']) {
      assert.deepEqual(await certificatesOf(other, { HOME }), {});
    }
    assert.deepEqual(await certificatesOf(host, {}), {});
    assert.deepEqual(await certificatesOf(host, { HOME: '', USERPROFILE: HOME }), { ca: ['authority'] });
  });

  it('a client certificate without its key is INVALID_OPTION and names both files', async (test) => {
    const HOME = await home(test, {
      [`${podman}/client.cert`]: 'certificate',
      [`${podman}/other.key`]: 'key',
    });
    await assert.rejects(certificatesOf(host, { HOME }), {
      code: 'INVALID_OPTION',
      message: /client\.cert has no client\.key/,
    });
  });

  it('a certificate that is a folder is IO_FAILED', async (test) => {
    const HOME = await home(test, { [`${podman}/a.crt/inside`]: '' });
    await assert.rejects(certificatesOf(host, { HOME }), { code: 'IO_FAILED' });
  });

  it('a file in place of the folder of a host gives nothing', async (test) => {
    const HOME = await home(test, { [podman]: 'a file' });
    assert.deepEqual(await certificatesOf(host, { HOME }), {});
  });
});

describe('the authorities of the machine', () => {
  it('files and folders that the environment names are read, and files without a certificate are left out', async (test) => {
    const path = await home(test, {
      'extra.pem': `${begin} extra`,
      'file.pem': `${begin} file`,
      'one/a.pem': `${begin} a`,
      'one/readme': 'no certificate',
      'two/b.pem': `${begin} b`,
    });
    const found = await machineAuthorities({
      NODE_EXTRA_CA_CERTS: join(path, 'extra.pem'),
      SSL_CERT_FILE: join(path, 'file.pem'),
      SSL_CERT_DIR: `${join(path, 'one')}::${join(path, 'two')}`,
    });
    const named = ['extra', 'file', 'a', 'b'].map((name) => `${begin} ${name}`);
    assert.deepEqual(found.slice(0, 4), named);
    assert.ok(found.every((text) => text.includes(begin)));
  });

  it('places that do not exist are skipped', async (test) => {
    const path = await folder(test);
    const missing = join(path, 'missing');
    const found = await machineAuthorities({
      NODE_EXTRA_CA_CERTS: missing,
      SSL_CERT_FILE: missing,
      SSL_CERT_DIR: missing,
    });
    assert.deepEqual(found, await machineAuthorities({}));
  });
});

it('a named file that does not exist is an error of the disk that names it', async (test) => {
  const path = join(await folder(test), 'missing.pem');
  await assert.rejects(readText(path), { code: 'IO_FAILED', message: /missing\.pem/ });
});
