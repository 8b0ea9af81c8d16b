import { given } from '../../spec/options.ts';
import type { Bill, BilledHash, BilledPackage, DocumentFacts } from './bill.ts';
import { licenseExpression } from './spdx.ts';

const algorithms: Readonly<Record<BilledHash['algorithm'], string>> = {
  sha1: 'SHA-1',
  sha256: 'SHA-256',
  sha384: 'SHA-384',
  sha512: 'SHA-512',
};

/**
 * Makes a document in the form of CycloneDX 1.6.
 * @see https://cyclonedx.org/docs/1.6/json/
 */
export function cycloneDxDocument({ app, packages }: Bill, { created, uuid }: DocumentFacts): unknown {
  const all = [app, ...packages];
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: `urn:uuid:${uuid}`,
    version: 1,
    metadata: {
      timestamp: created,
      tools: { components: [{ type: 'application', name: 'gantry' }] },
      component: component(app, 'application'),
    },
    components: packages.map((one) => component(one, 'library')),
    dependencies: all.map(({ ref, needs }) =>
      given({ ref, dependsOn: needs.length === 0 ? undefined : needs }),
    ),
  };
}

function component(
  { ref, name, version, purl, license, download, hash }: BilledPackage,
  type: 'application' | 'library',
): unknown {
  const at = name.startsWith('@') ? name.indexOf('/') : -1;
  return given({
    type,
    'bom-ref': ref,
    group: at < 0 ? undefined : name.slice(0, at),
    name: name.slice(at + 1),
    version,
    hashes: hash && [{ alg: algorithms[hash.algorithm], content: hash.value }],
    licenses: license === undefined ? undefined : [licenseChoice(license)],
    purl,
    externalReferences: download === undefined ? undefined : [{ type: 'distribution', url: download }],
  });
}

function licenseChoice(license: string): unknown {
  const expression = licenseExpression(license);
  return expression === undefined ? { license: { name: license } } : { expression };
}
