import type { Bill, BilledPackage, DocumentFacts } from './bill.ts';

/** A license that is an expression of SPDX. Whether the names in it exist, nobody checks. */
const expression = /^\(?[A-Za-z0-9.+-]+(?: (?:AND|OR|WITH) \(?[A-Za-z0-9.+-]+\)?)*\)?$/;

/** Returns a license as an expression of SPDX; undefined for any other text. */
export function licenseExpression(license: string | undefined): string | undefined {
  if (license === undefined || license === 'UNLICENSED') return undefined;
  return expression.test(license) ? license : undefined;
}

/**
 * Makes a document in the form of SPDX 2.3.
 * @see https://spdx.github.io/spdx-spec/v2.3/
 */
export function spdxDocument({ app, packages }: Bill, { created, uuid }: DocumentFacts): unknown {
  const all = [app, ...packages];
  const ids = idsOf(all);
  const idOf = (ref: string): string => ids.get(ref) ?? 'NOASSERTION';
  return {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name: app.name,
    documentNamespace: `https://spdx.org/spdxdocs/gantry-${uuid}`,
    creationInfo: { created, creators: ['Tool: gantry'] },
    packages: all.map((one) => spdxPackage(one, idOf(one.ref))),
    relationships: [
      relationship('SPDXRef-DOCUMENT', 'DESCRIBES', idOf(app.ref)),
      ...all.flatMap(({ ref, needs }) =>
        needs.map((needed) => relationship(idOf(ref), 'DEPENDS_ON', idOf(needed))),
      ),
    ],
  };
}

function spdxPackage({ name, version, purl, license, download, hash }: BilledPackage, id: string): unknown {
  return {
    name,
    SPDXID: id,
    ...(version === undefined ? {} : { versionInfo: version }),
    downloadLocation: download ?? 'NOASSERTION',
    filesAnalyzed: false,
    licenseConcluded: 'NOASSERTION',
    licenseDeclared: licenseExpression(license) ?? 'NOASSERTION',
    copyrightText: 'NOASSERTION',
    ...(hash === undefined
      ? {}
      : { checksums: [{ algorithm: hash.algorithm.toUpperCase(), checksumValue: hash.value }] }),
    ...(purl === undefined
      ? { primaryPackagePurpose: 'APPLICATION' }
      : {
          externalRefs: [
            { referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator: purl },
          ],
        }),
  };
}

/** An id has only letters, digits, dots and hyphens, and is there once. */
function idsOf(packages: readonly BilledPackage[]): ReadonlyMap<string, string> {
  const taken = new Set(['SPDXRef-DOCUMENT']);
  return new Map(
    packages.map(({ ref, name, version = '' }) => {
      const words = `${name}-${version}`.replace(/[^A-Za-z0-9.]+/g, '-').replace(/^-|-$/g, '');
      const plain = `SPDXRef-${words === '' ? 'package' : words}`;
      let id = plain;
      for (let count = 2; taken.has(id); count++) id = `${plain}-${count}`;
      taken.add(id);
      return [ref, id];
    }),
  );
}

function relationship(from: string, type: string, to: string): unknown {
  return { spdxElementId: from, relationshipType: type, relatedSpdxElement: to };
}
