import { type Field, member, type ObjectField, optional, readArray, readString } from '../json/field.ts';
import type { Platform } from '../spec/platform.ts';

/** The facts about a daemon that decide about the form of images for it. */
export interface DaemonFacts {
  /** The program that answers. */
  readonly engine: 'docker' | 'podman';
  /** The version of the API that both sides speak, such as `1.44`. */
  readonly apiVersion: string;
  /**
   * `containerd`: keeps manifests, indexes and compressed layers, and knows an image by the digest of its manifest or index.
   * `classic`: keeps the layers of one platform unpacked, and knows an image by the digest of its config. podman counts as
   * classic.
   */
  readonly store: 'containerd' | 'classic';
  /** The platform of its containers. */
  readonly platform: Platform;
}

/** The type of a driver that keeps its images in containerd. */
const containerdDriver = 'io.containerd.snapshotter.v1';

/** Reads the description that a daemon gives of itself. */
export function readFacts(info: ObjectField): Pick<DaemonFacts, 'store' | 'platform'> {
  const rows = optional(info, 'DriverStatus', (field) => readArray(field, readWords)) ?? [];
  const isContainerd = rows.some(([key, value]) => key === 'driver-type' && value === containerdDriver);
  return {
    store: isContainerd ? 'containerd' : 'classic',
    platform: platformOfHost(readString(member(info, 'OSType')), readString(member(info, 'Architecture'))),
  };
}

function readWords(field: Field): readonly string[] {
  return readArray(field, (word) => (typeof word.value === 'string' ? word.value : ''));
}

/** The names of the kernel for architectures, with those of images. */
const architectures: ReadonlyMap<string, string> = new Map([
  ['x86_64', 'amd64'],
  ['aarch64', 'arm64'],
  ['armv7l', 'arm/v7'],
  ['armv6l', 'arm/v6'],
  ['i386', '386'],
  ['i686', '386'],
  ['loongarch64', 'loong64'],
]);

function platformOfHost(os: string, machine: string): Platform {
  const [architecture = machine, variant] = (architectures.get(machine) ?? machine).split('/');
  return { os: os.toLowerCase(), architecture, ...(variant === undefined ? {} : { variant }) };
}
