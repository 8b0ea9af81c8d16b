import { type Argument, image } from './arguments.ts';
import type { Command, CommandGroup, Option } from './command.ts';

const places = 'IMAGE is a reference, or oci:DIR[:NAME].';
const anywhere: Argument = { ...image, kind: 'place' };

/** `--key` is for signatures here, so the key of --cert needs another name. */
const certKey: Option = { name: 'cert-key', value: 'FILE', summary: 'the key of --cert (PEM)' };
const verifyKey: Option = {
  name: 'key',
  short: 'k',
  value: 'FILE',
  repeatable: true,
  whole: true,
  summary: 'a public key (PEM) that may have signed',
};
const signKey: Option = {
  name: 'key',
  short: 'k',
  value: 'FILE',
  summary: 'the private key to sign with (PEM)',
};
const passwordStdin: Option = { name: 'password-stdin', summary: 'read the password of the key from stdin' };
const annotation: Option = {
  name: 'annotation',
  short: 'a',
  value: 'K=V',
  repeatable: true,
  whole: true,
  summary: '',
};
const repository: Option = {
  name: 'repository',
  value: 'REPO',
  valueKind: 'repository',
  summary: 'the repository of the signatures (default: that of the image)',
};
const type: Option = {
  name: 'type',
  value: 'TYPE',
  summary:
    'the type of the statement: a URI, or spdxjson, cyclonedx, slsaprovenance1, vuln, openvex, link, custom',
};
const output: Option = {
  name: 'output',
  short: 'o',
  value: 'FILE',
  summary: 'write the bundle to this file, and push nothing',
};

const certificates: readonly Option[] = [
  {
    name: 'certificate-identity',
    value: 'NAME',
    summary: 'the signer in the certificate, exactly: an e-mail address or a URI; needs --trusted-root',
  },
  {
    name: 'certificate-oidc-issuer',
    value: 'URL',
    summary: 'the service that has identified the signer, exactly',
  },
  {
    name: 'trusted-root',
    value: 'FILE',
    summary: 'the authorities and logs to trust (a trusted root of Sigstore, as JSON)',
  },
  { name: 'ignore-tlog', summary: 'with a certificate: ask for no entry in a transparency log' },
  { name: 'ignore-sct', summary: 'with a certificate: ask for no proof that a log has it' },
];

const notation: readonly Option[] = [
  {
    name: 'notation-policy',
    value: 'FILE',
    summary: 'verify signatures of Notation by this trust policy (trustpolicy.json)',
  },
  {
    name: 'notation-store',
    value: 'DIR',
    summary: 'the trust stores of Notation (default: truststore/x509 beside the policy)',
  },
];

const passwords =
  'The password of an encrypted key comes from COSIGN_PASSWORD, from stdin or from the terminal.';

/** Commands about signatures. */
export const signing: readonly Command[] = [
  {
    name: 'sign',
    summary: 'sign an image with a private key',
    details: `Signs the image, and every image of an index. cosign verifies the signatures. Prints the reference by digest. ${passwords} ${places}`,
    arguments: [anywhere],
    options: [
      signKey,
      passwordStdin,
      { ...annotation, summary: 'sign this annotation with the image' },
      {
        name: 'format',
        value: 'FORMAT',
        choices: ['bundle', 'legacy', 'both'],
        summary: "bundle (a referrer; the default), legacy (under cosign's tag .sig), or both",
      },
      { name: 'no-recursive', summary: 'sign an index without its images' },
      repository,
      output,
      certKey,
    ],
    examples: [
      'gantry sign --key cosign.key ghcr.io/acme/app:1',
      'gantry sign --key cosign.key -a build=42 oci:layout:app',
    ],
    load: async () => (await import('./commands/sign.ts')).sign,
  },
  {
    name: 'verify',
    summary: 'verify the signatures of images',
    details:
      'Looks at the formats of cosign, old and new, in one pass, and fails with exit code 6 if too few signatures count. Prints the ' +
      `reference by digest. Of an index the index has to be signed, or with --platform the index or the image. ${places}`,
    arguments: [{ ...anywhere, many: true }],
    options: [
      verifyKey,
      ...certificates,
      ...notation,
      { ...annotation, summary: 'demand this signed annotation' },
      { ...type, summary: `${type.summary}; by default sign, a signature` },
      {
        name: 'min-signatures',
        value: 'N',
        summary: 'the number of different keys that have to have signed (default 1)',
      },
      repository,
      certKey,
    ],
    examples: [
      'gantry verify --key cosign.pub ghcr.io/acme/app:1',
      'gantry verify --key cosign.pub --key other.pub --json ghcr.io/acme/app:1',
    ],
    load: async () => (await import('./commands/verify.ts')).verify,
  },
  {
    name: 'attest',
    summary: 'sign a statement about an image, and attach it',
    details: `${passwords} ${places}`,
    arguments: [anywhere],
    options: [
      signKey,
      passwordStdin,
      {
        name: 'predicate',
        value: 'FILE',
        summary: 'the statement: a JSON document, such as an SBOM; - is stdin',
      },
      type,
      repository,
      output,
      certKey,
    ],
    examples: ['gantry attest --key cosign.key --type spdxjson --predicate sbom.json ghcr.io/acme/app:1'],
    load: async () => (await import('./commands/attest.ts')).attest,
  },
];

/** Commands about attestations. */
export const attestations: CommandGroup = {
  name: 'attestation',
  summary: 'list attestations, and print verified ones',
  commands: [
    {
      name: 'ls',
      summary: 'list the attestations of an image, without verifying them',
      details: places,
      arguments: [anywhere],
      options: [repository],
      examples: ['gantry attestation ls ghcr.io/acme/app:1'],
      load: async () => (await import('./commands/attestation.ts')).attestationLs,
    },
    {
      name: 'get',
      summary: 'verify the attestations of one type, and print their predicates',
      details: `Prints the predicate of each as one line of JSON. ${places}`,
      arguments: [anywhere],
      options: [
        verifyKey,
        ...certificates,
        type,
        { name: 'statement', summary: 'print whole statements' },
        repository,
        certKey,
      ],
      examples: ['gantry attestation get --key cosign.pub --type spdxjson ghcr.io/acme/app:1'],
      load: async () => (await import('./commands/attestation.ts')).attestationGet,
    },
  ],
};

const prefix: Option = {
  name: 'output',
  short: 'o',
  value: 'PREFIX',
  summary: 'the path of the files, without .key and .pub (default cosign)',
};

/** Commands about keys. */
export const keys: CommandGroup = {
  name: 'key',
  summary: 'make, convert and show keys for signatures',
  commands: [
    {
      name: 'generate',
      summary: 'make a new key of P-256, encrypted as cosign does',
      details: `Writes PREFIX.key and PREFIX.pub, and replaces no file. ${passwords}`,
      arguments: [],
      options: [prefix, passwordStdin],
      examples: ['COSIGN_PASSWORD=secret gantry key generate -o release'],
      load: async () => (await import('./commands/key.ts')).keyGenerate,
    },
    {
      name: 'public',
      summary: 'print the public key of a private key',
      details: passwords,
      arguments: [{ name: 'KEY', kind: 'path' }],
      options: [passwordStdin],
      examples: ['gantry key public cosign.key'],
      load: async () => (await import('./commands/key.ts')).keyPublic,
    },
    {
      name: 'import',
      summary: 'bring a private key into the encrypted form of cosign',
      details: `KEY is PKCS#8, SEC1 or PKCS#1 in PEM. Writes PREFIX.key and PREFIX.pub, and replaces no file. ${passwords}`,
      arguments: [{ name: 'KEY', kind: 'path' }],
      options: [prefix, passwordStdin],
      examples: ['COSIGN_PASSWORD=secret gantry key import signing.pem -o imported'],
      load: async () => (await import('./commands/key.ts')).keyImport,
    },
  ],
};
