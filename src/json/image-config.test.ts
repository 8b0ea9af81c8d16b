import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isGantryError } from '../errors.ts';
import type { ImageConfig } from '../spec/image-config.ts';
import { configLimit, parseImageConfig } from './image-config.ts';

const diffId = `sha256:${'a'.repeat(64)}`;
const least = { architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [diffId] } };
const full = {
  ...least,
  variant: 'v2',
  'os.version': '10.0.1',
  'os.features': ['win32k'],
  created: '2024-01-01T00:00:00Z',
  author: 'me',
  config: {
    User: '1000',
    WorkingDir: '/app',
    StopSignal: 'SIGINT',
    Env: ['A=b'],
    Entrypoint: ['/app/run'],
    Cmd: ['serve'],
    Labels: { a: 'b', A: 'c' },
    ExposedPorts: { '80/tcp': {} },
    Volumes: { '/data': {} },
  },
  history: [
    { created: '2024-01-01T00:00:00Z', created_by: 'RUN x', author: 'me', comment: 'c', empty_layer: true },
  ],
};

describe('parseImageConfig', () => {
  const good: readonly (readonly [name: string, value: object, config: object])[] = [
    ['the smallest config', least, least],
    ['every known field', full, full],
    ['no unknown fields', { ...full, docker_version: '1', Size: 7 }, full],
    ['null as an absent field', { ...least, config: null, history: null, created: null }, least],
    [
      'null inside `config` as an absent field',
      { ...least, config: { Env: null, Cmd: null, Labels: null, Volumes: null } },
      { ...least, config: {} },
    ],
    [
      'null layers as none',
      { ...least, rootfs: { type: 'layers', diff_ids: null } },
      { ...least, rootfs: { type: 'layers', diff_ids: [] } },
    ],
    [
      'absent layers as none',
      { ...least, rootfs: { type: 'layers' } },
      { ...least, rootfs: { type: 'layers', diff_ids: [] } },
    ],
    ['an absent platform as an empty one', { rootfs: least.rootfs }, { ...least, architecture: '', os: '' }],
  ];
  for (const [name, value, config] of good) {
    test(`parseImageConfig reads ${name}`, () => assert.deepEqual(parse(value), config));
  }

  const bad: readonly (readonly [path: string, value: object])[] = [
    ['', []],
    ['', { ...least, OS: 'windows' }],
    ['rootfs', { os: 'linux' }],
    ['rootfs', { ...least, rootfs: { ...least.rootfs, Type: 'layers' } }],
    ['rootfs.type', { ...least, rootfs: { type: 'other', diff_ids: [] } }],
    ['rootfs.diff_ids[1]', { ...least, rootfs: { type: 'layers', diff_ids: [diffId, 'x'] } }],
    ['os', { ...least, os: 1 }],
    ['os.features', { ...least, 'os.features': 'x' }],
    ['config', { ...least, config: 'x' }],
    ['config.Env[0]', { ...least, config: { Env: [1] } }],
    ['config.Labels.a', { ...least, config: { Labels: { a: 1 } } }],
    ['config.Volumes', { ...least, config: { Volumes: ['/data'] } }],
    ['history[0]', { ...least, history: ['x'] }],
    ['history[0].empty_layer', { ...least, history: [{ empty_layer: 1 }] }],
  ];
  for (const [path, value] of bad) {
    test(`parseImageConfig names "${path}" in the error for ${JSON.stringify(value).slice(0, 120)}`, () => {
      assert.throws(
        () => parse(value),
        (error) => isGantryError(error, 'MANIFEST_INVALID') && error.message.includes(`: ${path}`),
      );
    });
  }

  test('parseImageConfig accepts at most 8 MiB', () => {
    assert.throws(() => parseImageConfig(new Uint8Array(configLimit + 1)), { code: 'TOO_LARGE' });
  });
});

function parse(value: object): ImageConfig {
  return parseImageConfig(new TextEncoder().encode(JSON.stringify(value)));
}
