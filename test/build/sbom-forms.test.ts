import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import type { Bill, BilledPackage } from '../../src/build/sbom/bill.ts';
import { sbomDocument } from '../../src/build/sbom/document.ts';
import { digestOf } from '../../src/flow/hash.ts';
import { departures, type Form } from './document-form.ts';
import { cycloneDxForm, spdxForm } from './sbom-forms.ts';

const image = digestOf(new Uint8Array());
const created = '1970-01-01T00:00:00Z';

const name = fc.oneof(
  fc.constantFrom('a', '@s/a', 's-a', 's-a-1', '@scope/web.js', 'é', ''),
  fc.string({ maxLength: 8, unit: 'binary' }),
);
const version = fc.option(fc.constantFrom('1', '1-2', '1.0.0', '2', '1.0.0-rc.1+x', ''), { nil: undefined });
const license = fc.constantFrom(
  'MIT',
  '(MIT OR Apache-2.0)',
  'UNLICENSED',
  'SEE LICENSE IN a',
  '',
  undefined,
);
const hash = fc.constantFrom(
  { algorithm: 'sha512', value: 'ab'.repeat(64) } as const,
  { algorithm: 'sha1', value: 'cd'.repeat(20) } as const,
  undefined,
);

/** An application with packages, whose refs differ. */
const bill: fc.Arbitrary<Bill> = fc
  .array(fc.record({ name, version, license, hash, isOwn: fc.boolean() }), { minLength: 1, maxLength: 6 })
  .map((parts) => {
    const all = parts.map(({ isOwn, ...part }, at): BilledPackage => {
      const ref = isOwn || at === 0 ? `app/${at}` : `pkg:npm/${encodeURIComponent(part.name)}@${at}`;
      return { ...part, ref, ...(ref.startsWith('pkg:') ? { purl: ref } : {}), needs: [] };
    });
    const [app, ...packages] = all;
    assert.ok(app);
    return { app: { ...app, needs: packages.map(({ ref }) => ref) }, packages };
  });

function parsed(form: 'spdx' | 'cyclonedx', all: Bill) {
  return JSON.parse(new TextDecoder().decode(sbomDocument(form, all, { image, created })));
}

describe('documents with bills of materials', () => {
  it('Any bill is a document of SPDX 2.3, whose identifiers are unique and name its packages.', () => {
    fc.assert(
      fc.property(bill, (all) => {
        const document = parsed('spdx', all);
        assert.deepEqual([...departures(document, spdxForm)], []);
        const ids: string[] = document.packages.map(({ SPDXID }: { SPDXID: string }) => SPDXID);
        const known = new Set(['SPDXRef-DOCUMENT', ...ids]);
        assert.equal(known.size, ids.length + 1);
        for (const { spdxElementId, relatedSpdxElement } of document.relationships)
          assert.ok(known.has(spdxElementId) && known.has(relatedSpdxElement));
      }),
    );
  });

  it('Any bill is a document of CycloneDX 1.6, whose dependencies name its components.', () => {
    fc.assert(
      fc.property(bill, (all) => {
        const document = parsed('cyclonedx', all);
        assert.deepEqual([...departures(document, cycloneDxForm)], []);
        const components = [document.metadata.component, ...document.components];
        const refs = new Set(components.map((one) => one['bom-ref']));
        assert.equal(refs.size, components.length);
        for (const { ref, dependsOn = [] } of document.dependencies)
          for (const one of [ref, ...dependsOn]) assert.ok(refs.has(one));
        for (const { licenses = [] } of components)
          for (const choice of licenses) assert.equal(Object.keys(choice).length, 1);
      }),
    );
  });

  it('A form refuses an unknown member, a missing one, a value outside its list, and another type.', () => {
    const form: Form = { required: { a: ['x'], b: { items: /^\d$/ } }, optional: { c: true } };
    assert.deepEqual([...departures({ a: 'x', b: ['1'], c: true }, form)], []);
    for (const wrong of [
      { b: [] },
      { a: 'y', b: [] },
      { a: 'x', b: ['z'] },
      { a: 'x', b: 'z' },
      { a: 'x', b: [], c: false },
      { a: 'x', b: [], d: 1 },
      [],
      null,
    ])
      assert.notDeepEqual([...departures(wrong, form)], [], JSON.stringify(wrong));
  });
});
