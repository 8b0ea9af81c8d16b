import type { Form } from './document-form.ts';

/*
 * The parts of the two official JSON schemas that gantry writes, with their required members, patterns and lists of values.
 * Members that the schemas also permit are missing here: a new member of a document needs its row.
 */

const anyText = /^/;
const someText = /./s;
const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
const elementId = /^SPDXRef-[A-Za-z0-9.-]+$/;

/** @see https://github.com/spdx/spdx-spec/blob/v2.3/schemas/spdx-schema.json, and the chapters on the fields for the patterns */
export const spdxForm: Form = {
  required: {
    SPDXID: /^SPDXRef-DOCUMENT$/,
    creationInfo: {
      required: { created: time, creators: { items: /^(?:Tool|Person|Organization): ./ } },
    },
    dataLicense: /^CC0-1\.0$/,
    name: anyText,
    spdxVersion: /^SPDX-2\.3$/,
    documentNamespace: /^https?:\/\/[^#\s]+$/,
    packages: {
      items: {
        required: {
          SPDXID: elementId,
          downloadLocation: /^(?:NOASSERTION|NONE|https?:\/\/\S+)$/,
          name: anyText,
        },
        optional: {
          versionInfo: anyText,
          filesAnalyzed: false,
          licenseConcluded: /^NOASSERTION$/,
          licenseDeclared: /^[A-Za-z0-9.+() -]+$/,
          copyrightText: anyText,
          checksums: {
            items: {
              required: {
                algorithm: ['SHA1', 'SHA224', 'SHA256', 'SHA384', 'SHA512', 'MD5'],
                checksumValue: /^[0-9a-f]+$/,
              },
            },
          },
          externalRefs: {
            items: {
              required: {
                referenceCategory: ['OTHER', 'PERSISTENT-ID', 'SECURITY', 'PACKAGE-MANAGER'],
                referenceType: /^purl$/,
                referenceLocator: /^pkg:\S+$/,
              },
            },
          },
          primaryPackagePurpose: ['APPLICATION', 'FRAMEWORK', 'LIBRARY', 'CONTAINER', 'SOURCE', 'OTHER'],
        },
      },
    },
    relationships: {
      items: {
        required: {
          spdxElementId: elementId,
          relationshipType: ['DESCRIBES', 'DEPENDS_ON', 'CONTAINS', 'DEPENDENCY_OF'],
          relatedSpdxElement: elementId,
        },
      },
    },
  },
};

const component: Form = {
  required: { type: ['application', 'framework', 'library', 'container', 'file'], name: anyText },
  optional: {
    'bom-ref': someText,
    group: anyText,
    version: anyText,
    hashes: {
      items: {
        required: {
          alg: ['MD5', 'SHA-1', 'SHA-256', 'SHA-384', 'SHA-512'],
          content: /^(?:[a-f0-9]{32}|[a-f0-9]{40}|[a-f0-9]{64}|[a-f0-9]{96}|[a-f0-9]{128})$/,
        },
      },
    },
    // Either licenses by their names or one expression: licenseDepartures checks that.
    licenses: {
      items: { required: {}, optional: { license: { required: { name: anyText } }, expression: anyText } },
    },
    purl: /^pkg:\S+$/,
    externalReferences: { items: { required: { type: ['distribution', 'vcs', 'website'], url: /^\S+$/ } } },
  },
};

/** @see https://github.com/CycloneDX/specification/blob/1.6/schema/bom-1.6.schema.json */
export const cycloneDxForm: Form = {
  required: {
    bomFormat: /^CycloneDX$/,
    specVersion: /^1\.6$/,
    serialNumber: /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/,
    version: 1,
    metadata: {
      required: {
        timestamp: time,
        tools: { required: { components: { items: component } } },
        component,
      },
    },
    components: { items: component },
    dependencies: {
      items: { required: { ref: someText }, optional: { dependsOn: { items: someText } } },
    },
  },
};
