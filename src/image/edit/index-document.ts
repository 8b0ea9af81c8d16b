import { ContentError } from '../../errors.ts';
import { editJson, type JsonChange } from '../../json/edit.ts';
import { manifestOfBytes } from '../../json/make-manifest.ts';
import { type Algorithm, computableAlgorithm } from '../../spec/digest.ts';
import type { IndexView } from '../image-index.ts';

/** Edits of an index itself. */
export interface IndexDocumentEdits {
  /**
   * The media type of the index, when the edits change it.
   * @defaultValue its type before
   */
  readonly mediaType?: string | undefined;
  /**
   * The algorithm of the digest of the index.
   * @defaultValue that of its digest before
   */
  readonly algorithm?: Algorithm | undefined;
}

/** Edits the document of an index. Without an effect, its bytes stay. */
export function editIndexDocument(
  { bytes, descriptor }: IndexView,
  edits: readonly JsonChange[],
  {
    mediaType = descriptor.mediaType,
    algorithm = computableAlgorithm(descriptor.digest),
  }: IndexDocumentEdits = {},
): IndexView {
  const { digest } = descriptor;
  const edited = editJson(bytes, edits, { what: `manifest ${digest}` });
  const { body, ...manifest } = manifestOfBytes(edited, mediaType, algorithm);
  if (body.kind === 'index') return { ...manifest, body };
  throw new ContentError('MANIFEST_INVALID', `the changed manifest of ${digest} is no index`);
}
