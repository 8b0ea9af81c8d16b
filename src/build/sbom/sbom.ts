import { InputError } from '../../errors.ts';
import type { Image } from '../../image/image.ts';
import type { Descriptor } from '../../spec/descriptor.ts';
import type { BuildTarget } from '../native/addons.ts';
import { groupByPlatform } from '../node/platforms.ts';
import type { BuildPlan } from '../plan.ts';
import { artifactView } from './artifact.ts';
import { billOf } from './bill.ts';
import { type SbomForm, sbomDocument, sbomTypes } from './document.ts';
import { readLockfile } from './lockfile.ts';

interface SbomOptions {
  readonly form: SbomForm;
  /** The built image or index. */
  readonly image: Descriptor;
  /** The systems of its images. */
  readonly targets: readonly BuildTarget[];
  readonly created: string;
}

/**
 * Makes the bill of materials of a built application: the packages of its images, with the hashes that the lockfile names.
 * @throws INVALID_OPTION for a folder that is no Node application
 * @throws MANIFEST_INVALID for a malformed lockfile
 */
export async function sbomView(
  { node }: BuildPlan,
  { form, image, targets, created }: SbomOptions,
): Promise<Image> {
  if (node === undefined) throw noPackages();
  const groups = groupByPlatform(node.dependencies.packages, targets);
  const folders = new Set(groups.flatMap((group) => [...group.folders]));
  const bill = billOf(node, folders, await readLockfile(node.root));
  const bytes = sbomDocument(form, bill, { image: image.digest, created });
  return artifactView({ type: sbomTypes[form], bytes, subject: image, created });
}

/** Refuses a folder without packages before anything is read. */
export function refuseNoPackages({ hasPackages }: BuildPlan): void {
  if (!hasPackages) throw noPackages();
}

function noPackages(): InputError {
  return new InputError(
    'INVALID_OPTION',
    'gantry makes a bill of materials of a Node application in its usual layers, and this build has no package.json, or other layers',
  );
}
